import { ConfigError, type ConfigReader, type Environment, listVariables, readConfig } from '../config/index.ts';
import { AppError } from '../errors/index.ts';

export interface Program<C> {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly purpose: string;
  readonly read: (reader: ConfigReader) => C;
  /** Runs until disposed. Disposing lets calls in flight end, within the program's own drain limit. */
  readonly start: (config: C) => Promise<Running>;
}

export interface Running extends AsyncDisposable {
  /** Resolves when only the end of the process can mend it: it is ended at once, for its supervisor to start it again. */
  readonly gaveUp?: Promise<Error>;
}

/**
 * Runs a program until SIGTERM or SIGINT, and ends the process.
 *
 * Exit codes: 0 after a signal; 1 for a bad configuration (all faults listed), a failed start, or a program that gave up.
 * A second signal ends it at once.
 */
export async function runMain<C>(program: Program<C>, env: Environment, args: readonly string[]): Promise<never> {
  if (args.length > 0) {
    const asked = args.includes('--help') || args.includes('-h');
    const out = asked ? console.log : console.error;
    if (!asked) out(`${program.name}: unknown argument '${args[0]}'; it takes none.\n`);
    out(helpOf(program));
    process.exit(asked ? 0 : 1);
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

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = () => {
      signals += 1;
      if (signals > 1) process.exit(1);
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof AppError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function helpOf<C>({ name, purpose, read }: Program<C>): string {
  const lines = listVariables(read).map(
    (variable) => `  ${variable.name}  ${variable.meaning} (${variable.fallback ?? 'must be set'})`,
  );
  return `${name}: ${purpose}\n\nConfigured by environment variables:\n${lines.join('\n')}`;
}
