import { Database, SQLiteError } from 'bun:sqlite';
import { readFileSync, writeFileSync } from 'node:fs';

import { type Clock, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

interface LockOptions {
  readonly path: string;
  /** The command that takes the lock, such as `just up`. It is named to the commands that wait. */
  readonly purpose: string;
  /** How long to wait while another process holds the lock. */
  readonly waitLimitMs: number;
  /** Called once, with the name of the holder, if the lock is not free. */
  readonly onWait: (holder: string) => void;
}

const POLL_MS = 100;

/**
 * Takes a lock that only one process on this machine can hold. It is SQLite's exclusive lock on an empty database,
 * which the kernel releases as soon as the holder ends, even by SIGKILL. Throws an AppError when the lock is not free
 * in time.
 */
export async function takeLock(clock: Clock, options: LockOptions): Promise<Disposable> {
  const untilMs = clock.nowMs() + options.waitLimitMs;
  for (let isFirst = true; ; isFirst = false) {
    const lock = tryLock(options.path);
    if (lock !== undefined) {
      writeFileSync(notePath(options.path), `${options.purpose} (pid ${process.pid})`);
      return lock;
    }
    if (clock.nowMs() >= untilMs) {
      const seconds = Math.round(options.waitLimitMs / 1000);
      throw new AppError(
        'failed-precondition',
        `${holderOf(options.path)} is still at work here after ${seconds} s: try again when it has ended.`,
      );
    }
    if (isFirst) options.onWait(holderOf(options.path));
    await sleep(clock, POLL_MS);
  }
}

function tryLock(path: string): Disposable | undefined {
  const database = new Database(path, { create: true });
  try {
    database.run('begin exclusive');
    return { [Symbol.dispose]: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof SQLiteError && error.code === 'SQLITE_BUSY') return undefined;
    throw error;
  }
}

function holderOf(path: string): string {
  try {
    return readFileSync(notePath(path), 'utf8');
  } catch {
    return 'another command';
  }
}

function notePath(path: string): string {
  return `${path}.holder`;
}
