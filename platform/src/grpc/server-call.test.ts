import { describe, expect, test } from 'bun:test';

import * as grpc from '@grpc/grpc-js';

import { AppError } from '../errors/index.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import type { Call, Handler } from './handler.ts';
import { type IncomingCall, toUnaryHandler } from './server-call.ts';
import { fromTrailers } from './status.ts';

/** Lets `handler` handle one call whose caller asks for `timeoutMs`. `outcome` resolves with what is sent back. */
function handle(handler: Handler, timeoutMs = Number.POSITIVE_INFINITY) {
  const clock = createFakeClock();
  const metadata = new grpc.Metadata();
  metadata.set('name', 'value');
  const cancel: (() => void)[] = [];
  const incoming: IncomingCall = {
    request: 'request',
    metadata,
    getDeadline: () => clock.nowMs() + timeoutMs,
    on: (_, listener) => cancel.push(listener),
  };
  const outcome = Promise.withResolvers<unknown>();
  toUnaryHandler(handler, 'example', clock)(incoming, (error, response) => outcome.resolve(error ?? response));
  return { clock, cancel: () => cancel.forEach((each) => each()), outcome: outcome.promise };
}

const untilAborted: Handler = (_, { signal }) =>
  new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new AppError('deadline-exceeded', 'too late'))),
  );

describe('the deadline', () => {
  for (const [timeoutMs, deadlineMs] of [
    [10_000, 10_000],
    [29_999, 29_999],
    [31_000, 30_000],
    [3_600_000, 30_000],
    [Number.POSITIVE_INFINITY, 5_000],
    [-1, -1],
  ] as const) {
    test(`is ${deadlineMs} ms away when the caller asks for ${timeoutMs} ms`, async () => {
      const { clock, outcome } = handle(async (_, call: Call) => call.deadlineMs, timeoutMs);
      expect(await outcome).toBe(clock.nowMs() + deadlineMs);
      // The timer of an answered call is gone.
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    });
  }

  test('aborts the signal when it passes, long before a later deadline of the caller', async () => {
    const { clock, outcome } = handle(untilAborted, 3_600_000);
    let isOver = false;
    void outcome.then(() => (isOver = true));
    await clock.advance(29_999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await outcome).toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED, details: 'too late' });
  });
});

test('the signal aborts when the caller cancels', async () => {
  const { cancel, outcome } = handle(untilAborted);
  cancel();
  expect(await outcome).toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
});

test('the handler gets the request and the metadata', async () => {
  const { outcome } = handle(async (request, call) => [request, call.header('name'), call.header('other')]);
  expect(await outcome).toEqual(['request', 'value', undefined]);
});

test('an AppError is answered with its code and details, with this service as the domain', async () => {
  const { outcome } = handle(() => Promise.reject(new AppError('not-found', 'nothing', { reason: 'NOTHING' })));
  const { code, details, metadata } = (await outcome) as grpc.StatusObject;
  expect([code, details]).toEqual([grpc.status.NOT_FOUND, 'nothing']);
  expect(fromTrailers(code, details, metadata, undefined)).toMatchObject({ reason: 'NOTHING', domain: 'example' });
});

test('any other error, thrown at once or later, is answered as INTERNAL without its message', async () => {
  for (const handler of [
    () => Promise.reject(new Error('secret')),
    () => {
      throw new Error('secret');
    },
    // This time to retry cannot be encoded.
    () => Promise.reject(new AppError('unavailable', 'away', { retryAfterMs: Number.NaN })),
  ]) {
    expect(await handle(handler).outcome).toEqual({ code: grpc.status.INTERNAL, details: 'internal error' });
  }
});
