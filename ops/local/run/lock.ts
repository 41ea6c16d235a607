import { Database, SQLiteError } from 'bun:sqlite';
import { readFileSync, writeFileSync } from 'node:fs';

import { type Clock, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

export interface LockOptions {
  readonly path: string;
  /** What is done under it, in words, for whoever waits: `just up`. */
  readonly purpose: string;
  /** Longest wait for another holder. */
  readonly waitLimitMs: number;
  /** Told once when there is somebody to wait for. */
  readonly onWait: (holder: string) => void;
}

const POLL_MS = 100;

/**
 * One holder at a time over all processes. The kernel takes it back when the holder dies, however it dies: it is SQLite's
 * exclusive lock on a file that holds nothing.
 */
export async function takeLock(clock: Clock, options: LockOptions): Promise<Disposable> {
  const until = clock.nowMs() + options.waitLimitMs;
  let waits = false;
  for (;;) {
    const lock = tryLock(options.path);
    if (lock !== undefined) {
      writeFileSync(notePath(options.path), `${options.purpose} (pid ${process.pid})`);
      return lock;
    }
    if (clock.nowMs() >= until) {
      const seconds = Math.round(options.waitLimitMs / 1000);
      throw new AppError(
        'failed-precondition',
        `${holderOf(options.path)} is still at work here after ${seconds} s: try again when it is through.`,
      );
    }
    if (!waits) options.onWait(holderOf(options.path));
    waits = true;
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
