import * as commander from 'commander';

import { ConfigError } from '../config/index.ts';
import { AppError } from '../errors/index.ts';
import { tallyVersion } from '../version/index.ts';

/** A command of the justfile as data: its arguments, its help, and its work. */
export interface Command {
  /** The words after `just`: `logs`, `outbox retry`. */
  readonly name: string;
  /** How the command is called, if not as `just NAME`. */
  readonly call?: string;
  /** One sentence for `--help`. */
  readonly purpose: string;
  /** The positional arguments in their order. Optional ones come last. */
  readonly operands?: readonly Operand[];
  readonly options?: readonly Option[];
  /** Further lines for `--help`. */
  readonly notes?: readonly string[];
  /** Runs the command, and resolves with its exit code. */
  readonly run: (given: Given) => Promise<number>;
}

/** Commands that share their first word: `outbox list`, `outbox retry`. */
export interface CommandGroup {
  readonly name: string;
  readonly call?: string;
  readonly purpose: string;
  readonly commands: readonly Command[];
  readonly notes?: readonly string[];
}

/** A positional argument. It must not be blank. */
export interface Operand {
  /** `PART` */
  readonly name: string;
  readonly isRequired: boolean;
  /** The words that are allowed. Any other word is refused. */
  readonly choices?: readonly string[];
  /** Description for `--help` and for a refusal: `a whole number from 1`. */
  readonly meaning?: string;
  /** A word that does not match is refused. */
  readonly pattern?: RegExp;
  /** Takes all remaining words, joined by spaces. */
  readonly takesRest?: boolean;
}

/** An option. It is a flag, unless `number` or `text` says that it takes a value. */
interface Option {
  /** `--follow` */
  readonly name: string;
  /** `-f` */
  readonly short?: string;
  readonly meaning: string;
  /** The option takes a whole number within these bounds, both inclusive. */
  readonly number?: { readonly min: number; readonly max: number; readonly fallback: number };
  /** The option takes a text, which `--help` calls by this name: `TEXT`. */
  readonly text?: string;
}

/** The arguments that a command was called with. */
export interface Given {
  readonly operand: (name: string) => string | undefined;
  /** Returns an operand that is required. */
  readonly required: (name: string) => string;
  /** Returns whether the option was given. */
  readonly has: (option: string) => boolean;
  /** Returns the number of an option, or its fallback. */
  readonly number: (option: string) => number;
  readonly text: (option: string) => string | undefined;
}

/** Exit codes for errors. A command that uses the default ones for something else sets its own. */
interface ExitCodes {
  /** Wrong arguments; 2 by default. */
  readonly usage?: number;
  /** An expected failure, or a bug; 1 by default. */
  readonly failure?: number;
}

/** The arguments are wrong. The message says which one, and what is allowed. */
export class UsageError extends Error {}

/** What the arguments ask for: to run a command, or to print a text (`--help`, `--version`). */
export type Request = { readonly command: Command; readonly given: Given } | { readonly text: string };

const USAGE_EXIT_CODE = 2;
const FAILURE_EXIT_CODE = 1;

/**
 * Runs a command and ends the process with its exit code. Wrong arguments, a ConfigError and an AppError print one
 * message to standard error; any other error prints its stack.
 */
export async function runCommand(
  command: Command | CommandGroup,
  args: readonly string[],
  codes: ExitCodes = {},
): Promise<never> {
  // A reader that closes the pipe early, as `head` does, must not stop the command halfway.
  process.stdout.on('error', () => {});
  try {
    const request = interpret(command, args);
    if ('text' in request) {
      process.stdout.write(request.text);
      process.exit(0);
    }
    process.exit(await request.command.run(request.given));
  } catch (error) {
    console.error(explain(command, error));
    process.exit(error instanceof UsageError ? (codes.usage ?? USAGE_EXIT_CODE) : (codes.failure ?? FAILURE_EXIT_CODE));
  }
}

/** Interprets the arguments that follow the command's name. Throws UsageError when they are wrong. */
export function interpret(command: Command | CommandGroup, args: readonly string[]): Request {
  let request: Request | undefined;
  let text = '';
  const onChosen = (chosen: Command, parsed: commander.Command) => {
    request = { command: chosen, given: toGiven(chosen, parsed) };
  };
  const program = describe(new commander.Command(callOf(command)), command).configureOutput({
    writeOut: (words) => (text += words),
    writeErr: () => {},
  });
  if ('commands' in command) {
    for (const each of command.commands) {
      addArguments(describe(program.command(each.name.slice(command.name.length + 1)), each), each, onChosen);
    }
  } else addArguments(program, command, onChosen);
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof commander.CommanderError)) throw error;
    if (error.exitCode === 0) return { text };
    throw new UsageError(toSentence(error, command));
  }
  if (request === undefined) throw new Error(`${command.name}: no command was chosen`);
  return request;
}

function describe(program: commander.Command, { purpose, notes = [] }: Command | CommandGroup): commander.Command {
  return program
    .description(purpose.charAt(0).toUpperCase() + purpose.slice(1))
    .version(tallyVersion(), '--version', 'print the version of Tally')
    .helpOption('-h, --help', 'print this text')
    .helpCommand(false)
    .addHelpText('after', notes.map((note) => `\n${note}`).join(''))
    .exitOverride();
}

function addArguments(
  program: commander.Command,
  command: Command,
  onChosen: (command: Command, parsed: commander.Command) => void,
): void {
  for (const operand of command.operands ?? []) program.addArgument(toArgument(operand));
  for (const option of command.options ?? []) program.addOption(toOption(option));
  program.allowExcessArguments(false).action(() => onChosen(command, program));
}

function toArgument(operand: Operand): commander.Argument {
  const { name, isRequired, choices, pattern, takesRest = false } = operand;
  const words = takesRest ? `${name}...` : name;
  const allowed = describeAllowed(operand);
  return new commander.Argument(isRequired ? `<${words}>` : `[${words}]`, allowed).argParser<string>((word, before) => {
    const isAllowed = word.trim() !== '' && (choices?.includes(word) ?? pattern?.test(word) ?? true);
    if (!isAllowed) throw new commander.InvalidArgumentError(`It must be ${allowed ?? 'a word'}`);
    return before === undefined ? word : `${before} ${word}`;
  });
}

function describeAllowed({ choices, meaning }: Operand): string | undefined {
  return choices === undefined ? meaning : `one of ${choices.join(', ')}`;
}

function toOption({ name, short, meaning, number, text }: Option): commander.Option {
  const flags = short === undefined ? name : `${short}, ${name}`;
  if (number !== undefined) {
    const { min, max, fallback } = number;
    const described = `${meaning} (${min} to ${max}, default ${fallback})`;
    return new commander.Option(`${flags} <N>`, described).argParser((raw) => {
      const value = /^\d{1,9}$/.test(raw) ? Number(raw) : Number.NaN;
      if (value >= min && value <= max) return value;
      throw new commander.InvalidArgumentError(`It must be a whole number from ${min} to ${max}`);
    });
  }
  if (text === undefined) return new commander.Option(flags, meaning);
  return new commander.Option(`${flags} <${text}>`, meaning).argParser((raw) => {
    if (raw.trim() === '') throw new commander.InvalidArgumentError('It must not be blank');
    return raw.trim();
  });
}

function toGiven({ operands = [], options = [] }: Command, parsed: commander.Command): Given {
  // When no words are left, commander gives an empty array for an operand that takes the rest.
  const words = new Map(
    operands.map(({ name }, place) => {
      const word: unknown = parsed.processedArgs[place];
      return [name, typeof word === 'string' ? word : undefined] as const;
    }),
  );
  const values = parsed.opts<Record<string, string | number | true>>();
  const valueOf = (name: string) => values[new commander.Option(name).attributeName()];
  return {
    operand: (name) => words.get(name),
    required: (name) => words.get(name) ?? '',
    has: (name) => valueOf(name) !== undefined,
    number: (name) => (valueOf(name) ?? options.find((option) => option.name === name)?.number?.fallback) as number,
    text: (name) => valueOf(name) as string | undefined,
  };
}

/** Turns an error of commander, `error: ...` with a suggestion on a line of its own, into one sentence. */
function toSentence({ code, message }: commander.CommanderError, command: Command | CommandGroup): string {
  if (code === 'commander.help' && 'commands' in command) {
    const names = command.commands.map(({ name }) => name.slice(command.name.length + 1));
    return `a command is missing: ${names.join(', ')}.`;
  }
  if (code === 'commander.missingArgument') {
    const [, name] = /'([^']+)'/.exec(message) ?? [];
    const commands = 'commands' in command ? command.commands : [command];
    const missing = commands.flatMap(({ operands = [] }) => operands).find((operand) => operand.name === name);
    const allowed = missing && describeAllowed(missing);
    return `${name} is missing${allowed === undefined ? '' : `: ${allowed}`}.`;
  }
  return `${message
    .replace(/^error: (command-argument )?/, '')
    .replaceAll('\n', ' ')
    .replace(/\.$/, '')}.`;
}

const callOf = ({ name, call = `just ${name}` }: Command | CommandGroup): string => call;

function explain(command: Command | CommandGroup, error: unknown): string {
  const { name } = command;
  if (error instanceof UsageError) return `${name}: ${error.message} See ${callOf(command)} --help.`;
  if (error instanceof AppError || error instanceof ConfigError) return `${name}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
