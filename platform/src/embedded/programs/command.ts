import { AppError } from '../../errors/index.ts';

const SHOWN_LINES = 3;

interface CommandOptions {
  /** Kills the command when it aborts. */
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  /** Beginning of the error message, which says what failed; by default the command's name. */
  readonly failure?: string;
  /** Variables that are set on top of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a command and returns its standard output. Throws an AppError with the last lines that it printed if it fails.
 */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { signal, cwd = '/', env = {}, failure = command[0] } = options;
  // Callers parse the output, so it must not be translated.
  const variables = Object.entries({ LC_ALL: 'C.UTF-8', ...env }).map(([name, value]) => `${name}=${value}`);
  const child = Bun.spawn(['env', ...variables, ...command], {
    cwd,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    ...(signal === undefined ? {} : { signal }),
    killSignal: 'SIGKILL',
  });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) === 0) return out;
  const reason = signal?.aborted === true ? 'it took too long' : toLastLines(`${out}\n${error}`);
  throw new AppError('failed-precondition', `${failure}: ${reason}`);
}

/** Returns the last lines of a text as one line, for a message. */
export function toLastLines(text: string): string {
  return text.trim().split('\n').slice(-SHOWN_LINES).join(' | ');
}
