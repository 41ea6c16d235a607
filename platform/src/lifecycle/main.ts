import {
  ConfigError,
  type ConfigReader,
  type Environment,
  type Variable,
  listVariables,
  readConfig,
} from '../config/index.ts';
import { AppError } from '../errors/index.ts';
import { tallyVersion } from '../version/index.ts';
import { untilSignal } from './signals.ts';

/** A program that runs until it is told to stop. It takes no arguments apart from `--help` and `--version`. */
export interface Program<C> {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly purpose: string;
  /** Reads the configuration. `--help` lists the variables that it reads. */
  readonly read: (reader: ConfigReader) => C;
  /** Starts the program, which runs until it is disposed. Disposing lets calls in flight end within the drain limit. */
  readonly start: (config: C) => Promise<Running>;
}

/** A started program. */
export interface Running extends AsyncDisposable {
  /** Resolves when the program cannot continue in this process, which then ends so that its supervisor restarts it. */
  readonly gaveUp?: Promise<Error>;
}

/**
 * Runs a program until SIGTERM or SIGINT, and ends the process.
 *
 * Exit codes: 0 after a signal, `--help` or `--version`; 1 for an unknown argument, a bad configuration (all faults are
 * listed), a failed start, or a program that gave up. A second signal ends the process at once, with 1.
 */
export async function runMain<C>(program: Program<C>, env: Environment, args: readonly string[]): Promise<never> {
  const answer = answerArguments(program, args);
  if (answer !== undefined) {
    (answer.exitCode === 0 ? console.log : console.error)(answer.text);
    process.exit(answer.exitCode);
  }
  try {
    const config = readConfig(env, program.read);
    const running = await program.start(config);
    const failure = await Promise.race([untilSignal(), ...(running.gaveUp === undefined ? [] : [running.gaveUp])]);
    if (failure !== undefined) throw failure;
    await running[Symbol.asyncDispose]();
    process.exit(0);
  } catch (error) {
    console.error(`${program.name}: ${explain(error)}`);
    process.exit(1);
  }
}

/** Returns the text to print and the exit code, or undefined when there are no arguments and the program shall run. */
export function answerArguments<C>(
  program: Program<C>,
  args: readonly string[],
): { readonly text: string; readonly exitCode: 0 | 1 } | undefined {
  if (args.length === 0) return undefined;
  if (args.includes('--help') || args.includes('-h')) return { text: helpOf(program), exitCode: 0 };
  if (args.includes('--version')) return { text: tallyVersion(), exitCode: 0 };
  const fault = `${program.name}: unknown argument '${args[0]}'; only --help and --version are known.`;
  return { text: `${fault}\n\n${helpOf(program)}`, exitCode: 1 };
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof AppError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function helpOf<C>({ name, purpose, read }: Program<C>): string {
  const variables = listVariables(read);
  const width = Math.max(...variables.map((variable) => variable.name.length));
  const lines = variables.map(
    (variable) => `  ${variable.name.padEnd(width)}  ${variable.meaning} (${valuesOf(variable)})`,
  );
  return `${name}: ${purpose}\n\nEnvironment variables:\n${lines.join('\n')}`;
}

function valuesOf({ bounds, unit, fallback, isRequired }: Variable): string {
  const allowed = bounds === undefined ? [] : [unit === undefined ? bounds : `${bounds} ${unit}`];
  return [...allowed, isRequired ? 'must be set' : `default: ${fallback ?? 'none'}`].join('; ');
}
