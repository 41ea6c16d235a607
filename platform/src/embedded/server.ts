import { closeSync, openSync, readFileSync } from 'node:fs';

import { AppError } from '../errors/index.ts';
import { toLastLines } from './programs/command.ts';

/** A server that this process started. It ends when this process ends, even if this process is killed. */
export interface Server {
  readonly pid: number;
  isRunning(): boolean;
  signal(name: NodeJS.Signals): void;
  /** Ends the server in an orderly way and waits until its process is gone. Throws if that takes too long. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL, as a crash would, and waits until its process is gone. */
  kill(): Promise<void>;
}

/** How servers of one kind are started and ended. */
export interface ServerKind {
  /** Name in messages. */
  readonly name: string;
  /** Signal that asks the server for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  /** Signal that the kernel sends to the server when this process dies. */
  readonly deathSignal: 'INT' | 'KILL';
  readonly startLimitMs: number;
  readonly stopLimitMs: number;
}

interface ServerOptions {
  /** Command that runs the server in the foreground. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File to which the output is appended. By default it is discarded. */
  readonly logPath?: string;
  /**
   * Returns the command that runs the given one as the user of the server. By default it is the user of this process.
   */
  readonly asUser?: (command: readonly string[]) => readonly string[];
}

const POLL_MS = 20;

/** Starts a server. It does not answer yet: see `untilReady`. */
export function launchServer(
  { name, stopSignal, deathSignal, stopLimitMs }: ServerKind,
  { command, env, logPath, asUser = (same) => same }: ServerOptions,
): Server {
  const log = logPath === undefined ? 'ignore' : openSync(logPath, 'a');
  // The user is changed before the death signal is set, because a change of the user clears it.
  const child = Bun.spawn([...asUser(['setpriv', `--pdeathsig=${deathSignal}`, ...command])], {
    cwd: '/',
    env,
    stdio: ['ignore', log, log],
    // In a session of its own, the server does not get the terminal's Ctrl-C.
    detached: true,
  });
  if (log !== 'ignore') closeSync(log);
  child.unref();
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    // A process that SIGSTOP stopped handles other signals only when it continues.
    child.kill('SIGCONT');
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, stopLimitMs, undefined);
    const exitCode = await Promise.race([child.exited, late]);
    // A timer that is left would keep this process running until the limit.
    clearTimeout(timer);
    if (exitCode !== undefined) return;
    throw new AppError('unavailable', `${name} (pid ${child.pid}) did not end within ${stopLimitMs / 1000} s`);
  };
  return {
    pid: child.pid,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    signal: (signal) => child.kill(signal),
    stop: () => end(stopSignal),
    kill: () => end('SIGKILL'),
  };
}

/**
 * Waits until `isReady` returns true. An error that `isReady` throws counts as false. Throws an AppError `unavailable`
 * if one of the servers ends first, with the reason that `explainEnd` returns, or if the start limit passes.
 */
export async function untilReady(
  { name, startLimitMs }: ServerKind,
  servers: readonly Server[],
  isReady: () => Promise<boolean>,
  explainEnd: (server: Server) => string,
): Promise<void> {
  const untilMs = Date.now() + startLimitMs;
  for (;;) {
    let cause: unknown;
    try {
      if (await isReady()) return;
    } catch (error) {
      cause = error;
    }
    const ended = servers.find((server) => !server.isRunning());
    if (ended !== undefined) {
      throw new AppError('unavailable', `${name} did not start: ${explainEnd(ended)}`, { cause });
    }
    if (Date.now() > untilMs) {
      throw new AppError('unavailable', `${name} does not answer after ${startLimitMs / 1000} s`, { cause });
    }
    await Bun.sleep(POLL_MS);
  }
}

/** Returns the end of a server's log as one line, for a message. */
export function readLastLines(logPath: string): string {
  return toLastLines(readFileSync(logPath, 'utf8'));
}
