import { ConfigError } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

/** A command of the justfile as data: what it takes, and what it does with it. */
export interface Command {
  /** As it is called: `logs`. */
  readonly name: string;
  /** One sentence. */
  readonly purpose: string;
  readonly argument?: Argument;
  readonly options: readonly Option[];
  /** More lines for `--help`. */
  readonly notes?: readonly string[];
  /** Returns the exit code. */
  readonly run: (given: Given) => Promise<number>;
}

export interface Argument {
  readonly name: string;
  readonly choices: readonly string[];
  readonly required: boolean;
}

export interface Option {
  /** `--follow` */
  readonly name: string;
  /** `-f` */
  readonly short?: string;
  readonly meaning: string;
  /** Takes a whole number within these bounds; without it the option stands alone. */
  readonly number?: { readonly min: number; readonly max: number; readonly fallback: number };
}

export interface Given {
  readonly argument: string | undefined;
  readonly has: (option: string) => boolean;
  readonly number: (option: string) => number;
}

/** Wrong arguments: what was given, and what is allowed. */
class UsageError extends Error {}

/** Runs a command and ends the process. An expected failure is its message alone, with exit code 1. */
export async function runCommand(command: Command, args: readonly string[]): Promise<never> {
  // Whoever reads no further, as in `just down | head`, is no reason to leave things half done.
  process.stdout.on('error', () => {});
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    console.log(helpOf(command));
    process.exit(0);
  }
  try {
    process.exit(await command.run(parse(command, args)));
  } catch (error) {
    console.error(explain(command, error));
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}

function explain(command: Command, error: unknown): string {
  if (error instanceof UsageError) return `${command.name}: ${error.message}\n\n${helpOf(command)}`;
  if (error instanceof AppError || error instanceof ConfigError) return `\n${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export function parse(command: Command, args: readonly string[]): Given {
  const values = new Map<string, number | true>();
  let argument: string | undefined;
  for (let index = 0; index < args.length; index += 1) {
    const [word, attached] = splitOption(args[index]!);
    if (!word.startsWith('-')) {
      if (argument !== undefined || command.argument === undefined) throw new UsageError(unexpected(command, word));
      argument = checkArgument(command.argument, word);
      continue;
    }
    const option = command.options.find(({ name, short }) => word === name || word === short);
    if (option === undefined) throw new UsageError(unexpected(command, word));
    if (option.number === undefined) {
      if (attached !== undefined) throw new UsageError(`${option.name} takes no value, but was given '${attached}'.`);
      values.set(option.name, true);
      continue;
    }
    if (attached === undefined) index += 1;
    values.set(option.name, checkNumber(option, option.number, attached ?? args[index]));
  }
  if (command.argument?.required && argument === undefined) {
    throw new UsageError(`${command.argument.name} is missing: it is one of ${command.argument.choices.join(', ')}.`);
  }
  return {
    argument,
    has: (name) => values.has(name),
    number: (name) => {
      const given = values.get(name);
      return typeof given === 'number'
        ? given
        : command.options.find((option) => option.name === name)!.number!.fallback;
    },
  };
}

/** `--lines=5` is `--lines 5`. */
function splitOption(word: string): [string, string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function checkArgument({ name, choices }: Argument, word: string): string {
  if (choices.includes(word)) return word;
  throw new UsageError(`'${word}' is no ${name.toLowerCase()}: it is one of ${choices.join(', ')}.`);
}

function checkNumber(option: Option, { min, max }: NonNullable<Option['number']>, raw: string | undefined): number {
  const value = raw !== undefined && /^\d{1,9}$/.test(raw) ? Number(raw) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option.name} is '${raw ?? ''}': it takes a whole number from ${min} to ${max}.`);
}

function unexpected({ argument, options }: Command, word: string): string {
  const allowed = [
    ...(argument === undefined ? [] : [`${argument.name} (${argument.choices.join(', ')})`]),
    ...options.map(({ name }) => name),
    '--help',
  ];
  return `'${word}' is not expected here: it takes ${allowed.join(', ')}.`;
}

function helpOf({ name, purpose, argument, options, notes = [] }: Command): string {
  const place = argument === undefined ? '' : argument.required ? ` ${argument.name}` : ` [${argument.name}]`;
  const rows = [
    ...(argument === undefined ? [] : [[argument.name, `one of ${argument.choices.join(', ')}`]]),
    ...options.map(({ name: long, short, meaning, number }) => [
      `${short === undefined ? '' : `${short}, `}${long}${number === undefined ? '' : ' N'}`,
      number === undefined ? meaning : `${meaning} (${number.min} to ${number.max}; ${number.fallback} unless told)`,
    ]),
    ['-h, --help', 'this text'],
  ];
  const width = Math.max(...rows.map(([left = '']) => left.length));
  const lines = rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}`);
  return [`just ${name}${place} [OPTIONS]: ${purpose}`, '', ...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join(
    '\n',
  );
}
