import { AppError } from '../errors/index.ts';
import { type StartedProcess, hasEnded, isAlive, readLastLines, sendSignal, toStarted } from './programs/process.ts';

/** `parent`: the server dies with the process that started it, whatever happens to that. `detached`: it lives on. */
export type Lifetime = 'parent' | 'detached';

/** A server's process, whoever started it. */
export interface Server extends StartedProcess {
  /** Ends the server in an orderly way and waits until its process is gone. Throws if that takes too long. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL, as a crash would, and waits until its process is gone. */
  kill(): Promise<void>;
}

/** How servers of one kind are started, recognised as ready, and ended. */
export interface ServerKind {
  /** Name in messages. */
  readonly name: string;
  /** Asks the server for an orderly end. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** What the server gets when its parent dies. */
  readonly deathSignal: 'INT' | 'KILL';
  /** What is probably wrong when the server ends at once, where it has no log. */
  readonly hint?: string;
  readonly startLimitMs: number;
  readonly stopLimitMs: number;
}

/** A user of this machine by its numbers. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const POLL_MS = 20;

/**
 * Returns the command of a server in its foreground. With the lifetime `parent`, the server gets its death signal when the
 * process that started it dies. With an account, it runs as that user.
 */
export function toServerCommand(
  { deathSignal }: Pick<ServerKind, 'deathSignal'>,
  command: readonly string[],
  lifetime: Lifetime,
  account?: Account,
): string[] {
  const options = [
    ...(account === undefined ? [] : [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups']),
    ...(lifetime === 'parent' ? [`--pdeathsig=${deathSignal}`] : []),
  ];
  return options.length === 0 ? [...command] : ['setpriv', ...options, ...command];
}

/** Returns the server that has this pid now. */
export function toServer({ name, stopSignal, stopLimitMs }: ServerKind, pid: number): Server {
  const server = toStarted(pid);
  const end = async (signal: NodeJS.Signals) => {
    sendSignal(server, signal);
    if (await hasEnded(server, stopLimitMs)) return;
    throw new AppError('unavailable', `${name} (pid ${pid}) did not end within ${stopLimitMs / 1000} s`);
  };
  return { ...server, stop: () => end(stopSignal), kill: () => end('SIGKILL') };
}

/**
 * Waits until `isReady` returns true; an error that it throws means not yet. Throws an AppError `unavailable` when one of
 * the servers ends first, with the end of its log, or when the limit passes.
 */
export async function untilReady(
  { name, startLimitMs, hint = '' }: ServerKind,
  servers: readonly (StartedProcess & { readonly logPath?: string })[],
  isReady: () => Promise<boolean>,
): Promise<void> {
  const untilMs = Date.now() + startLimitMs;
  for (;;) {
    let cause: unknown;
    try {
      if (await isReady()) return;
    } catch (error) {
      cause = error;
    }
    const ended = servers.find((server) => !isAlive(server));
    if (ended !== undefined) {
      const reason = ended.logPath === undefined ? hint : readLastLines(ended.logPath);
      throw new AppError('unavailable', `${name} did not start: ${reason}`, { cause });
    }
    if (Date.now() > untilMs) {
      throw new AppError('unavailable', `${name} does not answer after ${startLimitMs / 1000} s`, { cause });
    }
    await Bun.sleep(POLL_MS);
  }
}
