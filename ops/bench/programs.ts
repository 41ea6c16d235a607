import { resolve } from 'node:path';

import { AppError } from '@tally/platform/errors';

/** The folder of this checkout. */
export const CHECKOUT = resolve(import.meta.dir, '../..');

const READY_LIMIT_MS = 10_000;
const POLL_MS = 20;

export interface BenchProgram {
  /** Name of the program in errors. */
  readonly name: string;
  /** Its main file, relative to `root`. */
  readonly main: string;
  /** The checkout that it is started from; this one by default. */
  readonly root?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Port on which the program answers `/readyz`. */
  readonly readyPort: number;
}

/** Starts a program and waits until it is ready. Disposing the stack ends it. */
export async function startProgram(stack: AsyncDisposableStack, program: BenchProgram): Promise<void> {
  const { name, main, root = CHECKOUT, env, readyPort } = program;
  const child = Bun.spawn([process.execPath, '--no-env-file', main], {
    cwd: root,
    env: { ...env, LOG_LEVEL: 'warn' },
    stdout: 'inherit',
    stderr: 'inherit',
  });
  stack.defer(async () => {
    child.kill();
    await child.exited;
  });
  const isReady = () =>
    fetch(`http://127.0.0.1:${readyPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  const untilMs = Date.now() + READY_LIMIT_MS;
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new AppError('unavailable', `${name} ended before it was ready`);
    if (Date.now() > untilMs) throw new AppError('unavailable', `${name} was not ready within ${READY_LIMIT_MS} ms`);
    await Bun.sleep(POLL_MS);
  }
}
