import { ConfigError } from '../config/index.ts';
import { AppError } from '../errors/index.ts';

/** A command of the justfile as data: what it takes, and what it does with it. */
export interface Command {
  /** As it is called: `logs`, `outbox retry`. */
  readonly name: string;
  /** One sentence. */
  readonly purpose: string;
  /** In order; those that may be missing come last. */
  readonly operands?: readonly Operand[];
  readonly options?: readonly Option[];
  /** More lines for `--help`. */
  readonly notes?: readonly string[];
  /** Returns the exit code. */
  readonly run: (given: Given) => Promise<number>;
}

/** Commands that are told apart by their second word: `outbox list`, `outbox retry`. */
export interface CommandGroup {
  readonly name: string;
  readonly purpose: string;
  readonly commands: readonly Command[];
  readonly notes?: readonly string[];
}

export interface Operand {
  /** `ORDER` */
  readonly name: string;
  readonly isRequired: boolean;
  /** Any other word is refused. */
  readonly choices?: readonly string[];
  /** What it is: `a whole number from 1`. */
  readonly meaning?: string;
  /** A word that does not match is refused. */
  readonly pattern?: RegExp;
  /** Takes all words that are left, with spaces between. */
  readonly takesRest?: boolean;
}

export interface Option {
  /** `--follow` */
  readonly name: string;
  /** `-f` */
  readonly short?: string;
  readonly meaning: string;
  /** Takes a whole number within these bounds; without it the option stands alone. */
  readonly number?: { readonly min: number; readonly max: number; readonly fallback: number };
  /** Takes a text, which is called so: `TEXT`. */
  readonly text?: string;
}

export interface Given {
  readonly operand: (name: string) => string | undefined;
  /** Of an operand that cannot be missing. */
  readonly required: (name: string) => string;
  readonly has: (option: string) => boolean;
  readonly number: (option: string) => number;
  readonly text: (option: string) => string | undefined;
}

/** Exit codes where another meaning has the usual one. */
export interface ExitCodes {
  /** Wrong arguments. */
  readonly usage?: number;
  /** An expected failure. */
  readonly failure?: number;
}

/** Wrong arguments: what was given, and what is allowed. */
export class UsageError extends Error {}

const USAGE_EXIT_CODE = 2;
const FAILURE_EXIT_CODE = 1;

/** Runs a command and ends the process. Wrong arguments and expected failures are one message and no more. */
export async function runCommand(
  command: Command | CommandGroup,
  args: readonly string[],
  codes: ExitCodes = {},
): Promise<never> {
  // Whoever reads no further, as in `just down | head`, is no reason to leave things half done.
  process.stdout.on('error', () => {});
  try {
    if ('commands' in command && isHelp(args[0])) {
      console.log(groupHelpOf(command));
      process.exit(0);
    }
    const [chosen, words] = 'commands' in command ? choose(command, args) : [command, args];
    if (words.some(isHelp)) {
      console.log(helpOf(chosen));
      process.exit(0);
    }
    process.exit(await chosen.run(parse(chosen, words)));
  } catch (error) {
    console.error(explain(command.name, error));
    process.exit(error instanceof UsageError ? (codes.usage ?? USAGE_EXIT_CODE) : (codes.failure ?? FAILURE_EXIT_CODE));
  }
}

const isHelp = (word: string | undefined) => word === '--help' || word === '-h';

/** The command that the first word names, and the words behind it. */
export function choose({ name, commands }: CommandGroup, args: readonly string[]): [Command, readonly string[]] {
  const [word, ...rest] = args;
  const chosen = commands.find((command) => command.name === `${name} ${word}`);
  if (chosen !== undefined) return [chosen, rest];
  const names = commands.map((command) => command.name.slice(name.length + 1)).join(', ');
  throw new UsageError(word === undefined ? `COMMAND is missing: ${names}.` : `'${word}' is no command: ${names}.`);
}

function explain(name: string, error: unknown): string {
  if (error instanceof UsageError) return `${name}: ${error.message} See just ${name} --help.`;
  if (error instanceof AppError || error instanceof ConfigError) return `${name}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export function parse(command: Command, args: readonly string[]): Given {
  const { operands = [], options = [] } = command;
  const values = new Map<string, number | string | true>();
  const words = new Map<string, string>();
  let onlyOperands = false;

  function takeOperand(word: string): void {
    const last = operands.at(-1);
    const operand = operands.find(({ name }) => !words.has(name)) ?? (last?.takesRest ? last : undefined);
    if (operand === undefined) throw new UsageError(unexpected(command, word));
    const before = words.get(operand.name);
    words.set(operand.name, before === undefined ? checkWord(operand, word) : `${before} ${word}`);
  }

  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (onlyOperands || !arg.startsWith('-') || arg === '-') {
      takeOperand(arg);
      continue;
    }
    if (arg === '--') {
      onlyOperands = true;
      continue;
    }
    const [word, attached] = splitOption(arg);
    const option = options.find(({ name, short }) => word === name || word === short);
    if (option === undefined) throw new UsageError(unexpected(command, word));
    if (option.number === undefined && option.text === undefined) {
      if (attached !== undefined) throw new UsageError(`${option.name} takes no value, but was given '${attached}'.`);
      values.set(option.name, true);
      continue;
    }
    if (attached === undefined) index += 1;
    values.set(option.name, checkValue(option, attached ?? args[index]));
  }
  const missing = operands.find(({ name, isRequired }) => isRequired && (words.get(name) ?? '').trim() === '');
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing${wantedOf(missing, ': it is ')}.`);

  const operand = (name: string) => words.get(name);
  return {
    operand,
    required: (name) => operand(name) ?? '',
    has: (name) => values.has(name),
    number: (name) => (values.get(name) ?? options.find((option) => option.name === name)?.number?.fallback) as number,
    text: (name) => values.get(name) as string | undefined,
  };
}

/** `--lines=5` is `--lines 5`. */
function splitOption(word: string): [string, string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function checkWord(operand: Operand, word: string): string {
  const { name, choices, pattern } = operand;
  if (word !== '' && (choices?.includes(word) ?? pattern?.test(word) ?? true)) return word;
  throw new UsageError(`'${word}' is no ${name.toLowerCase()}${wantedOf(operand, ': it is ')}.`);
}

function checkValue({ name, number, text }: Option, raw: string | undefined): number | string {
  if (number === undefined) {
    if (raw !== undefined && raw.trim() !== '') return raw.trim();
    throw new UsageError(`${name} needs ${text}.`);
  }
  const { min, max } = number;
  const value = raw !== undefined && /^\d{1,9}$/.test(raw) ? Number(raw) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `${name} ${raw === undefined ? 'has no value' : `is '${raw}'`}: it takes a whole number from ${min} to ${max}.`,
  );
}

function unexpected({ operands = [], options = [] }: Command, word: string): string {
  const allowed = [
    ...operands.map(
      (operand) => `${operand.name}${operand.choices === undefined ? '' : ` (${operand.choices.join(', ')})`}`,
    ),
    ...options.map(({ name }) => name),
  ];
  return `'${word}' is not expected here: it takes ${allowed.length === 0 ? 'no arguments' : allowed.join(', ')}.`;
}

function wantedOf({ choices, meaning }: Operand, before: string): string {
  if (choices !== undefined) return `${before}${choices.length === 1 ? '' : 'one of '}${choices.join(', ')}`;
  return meaning === undefined ? '' : `${before}${meaning}`;
}

function usageOf({ name, operands = [], options = [] }: Command): string {
  const places = operands.map((operand) => (operand.isRequired ? operand.name : `[${operand.name}]`));
  return ['just', name, ...places, ...(options.length === 0 ? [] : ['[OPTIONS]'])].join(' ');
}

function helpOf(command: Command): string {
  const { purpose, operands = [], options = [], notes = [] } = command;
  const rows: (readonly [string, string])[] = [
    ...operands.map((operand) => [operand.name, wantedOf(operand, '')] as const),
    ...options.map(({ name, short, meaning, number, text }) => {
      const value = number === undefined ? text : 'N';
      const bounds = number === undefined ? '' : ` (${number.min} to ${number.max}; ${number.fallback} unless told)`;
      return [
        `${short === undefined ? '' : `${short}, `}${name}${value === undefined ? '' : ` ${value}`}`,
        meaning + bounds,
      ] as const;
    }),
    ['-h, --help', 'this text'],
  ];
  return [`${usageOf(command)}: ${purpose}`, '', ...toLines(rows), ...withSpace(notes)].join('\n');
}

function groupHelpOf({ name, purpose, commands, notes = [] }: CommandGroup): string {
  const rows = commands.map((command) => [usageOf(command).slice(`just ${name} `.length), command.purpose] as const);
  const more = `just ${name} COMMAND --help says more of one.`;
  return [`just ${name} COMMAND: ${purpose}`, '', ...toLines(rows), '', more, ...notes].join('\n');
}

function toLines(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
}

const withSpace = (notes: readonly string[]) => (notes.length === 0 ? [] : ['', ...notes]);
