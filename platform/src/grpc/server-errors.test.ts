import { describe, expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { createLog } from '../telemetry/index.ts';
import { METHOD, createCall } from '../testing/calls.ts';
import { Code, RpcError } from './rpc-error.ts';
import { InternalError, errors } from './server-errors.ts';

const DEADLINE_MS = 1000;

/** Resolves with the error that `thrown` becomes, and with the lines that were logged. */
async function translate(thrown: unknown, { isAborted = false, nowMs = 0 } = {}) {
  const lines: string[] = [];
  const log = createLog('example', 'debug', { write: (line) => void lines.push(line) });
  const handle = errors(log, () => nowMs)(() => Promise.reject(thrown), METHOD);
  const signal = isAborted ? AbortSignal.abort() : new AbortController().signal;
  const call = handle({}, createCall({ signal, deadlineMs: DEADLINE_MS }));
  return { error: await call.catch((error: unknown) => error), lines };
}

test('an answer passes through', async () => {
  const handle = errors(createLog('example', 'silent'), Date.now)(async () => 'answer', METHOD);
  expect(await handle({}, createCall())).toBe('answer');
});

test('an AppError passes through and is not logged', async () => {
  const thrown = new AppError('not-found', 'nothing here');
  expect(await translate(thrown)).toEqual({ error: thrown, lines: [] });
});

test('a failed call to a dependency becomes unavailable, with a time to retry', async () => {
  const cause = new RpcError({ code: Code.NOT_FOUND, message: 'nothing there' });
  const { error, lines } = await translate(cause);
  expect(error).toMatchObject({ kind: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE', retryAfterMs: 1000, cause });
  expect(lines).toEqual([]);
});

test('any other error becomes InternalError without its message, and is logged with its stack', async () => {
  const { error, lines } = await translate(new TypeError('x is not a function'));
  expect(error).toBeInstanceOf(InternalError);
  expect((error as Error).message).toBe('internal error');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'error',
    method: 'Check',
    error: { message: 'x is not a function', stack: expect.stringContaining('TypeError') },
  });
});

describe('after the signal of the call has aborted', () => {
  test('a failure is deadline-exceeded when the deadline has passed, and cancelled before it', async () => {
    for (const thrown of [new Error('aborted'), new AppError('unavailable', 'away')]) {
      const atDeadline = await translate(thrown, { isAborted: true, nowMs: DEADLINE_MS });
      expect(atDeadline.error).toMatchObject({ kind: 'deadline-exceeded', cause: thrown });
      const before = await translate(thrown, { isAborted: true, nowMs: DEADLINE_MS - 1 });
      expect(before.error).toMatchObject({ kind: 'cancelled', cause: thrown });
      expect([...atDeadline.lines, ...before.lines]).toEqual([]);
    }
  });

  test('a refusal stays what it is', async () => {
    const thrown = new AppError('failed-precondition', 'not now');
    expect((await translate(thrown, { isAborted: true, nowMs: DEADLINE_MS })).error).toBe(thrown);
  });
});
