import { expect, test } from 'bun:test';

import { LimitError, createTokenBucket } from '../concurrency/index.ts';
import { METHOD } from '../testing/calls.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { limit } from './client-limit.ts';

function setUp() {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  const bucket = createTokenBucket(clock, { ratePerSecond: 10, burst: 1, maxWaiting: 10 });
  const sentMs: number[] = [];
  const send = limit(bucket)(async () => void sentMs.push(clock.nowMs() - startMs), METHOD);
  return { clock, startMs, sentMs, send };
}

test('calls are sent at the rate of the bucket', async () => {
  const { clock, sentMs, send } = setUp();
  const calls = [send({}, {}), send({}, {}), send({}, {})];
  await clock.advance(1000);
  await Promise.all(calls);
  expect(sentMs).toEqual([0, 100, 200]);
});

test('a call whose deadline comes before its token is refused, and not sent', async () => {
  const { clock, startMs, sentMs, send } = setUp();
  await send({}, {});
  await expect(send({}, { deadlineMs: startMs + 99 })).rejects.toBeInstanceOf(LimitError);
  await clock.advance(1000);
  expect(sentMs).toEqual([0]);
});

test('a call whose signal aborts while it waits is not sent', async () => {
  const { clock, sentMs, send } = setUp();
  await send({}, {});
  const caller = new AbortController();
  const call = send({}, { signal: caller.signal });
  caller.abort(new Error('gone'));
  await expect(call).rejects.toThrow('gone');
  await clock.advance(1000);
  expect(sentMs).toEqual([0]);
});
