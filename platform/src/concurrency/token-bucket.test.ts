import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { LimitError, createTokenBucket } from './token-bucket.ts';

const LIMITS = { ratePerSecond: 10, burst: 1, maxWaiting: 1000 };
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

function setUp(limits = {}) {
  const clock = createFakeClock();
  const bucket = createTokenBucket(clock, { ...LIMITS, ...limits });
  const startMs = clock.nowMs();
  const turns: [name: string, atMs: number][] = [];
  const take = (name: string, options = {}) =>
    bucket.take(options).then(
      () => void turns.push([name, clock.nowMs() - startMs]),
      (error: unknown) => error,
    );
  return { clock, startMs, turns, take };
}

test('turns come first come, first served, an interval apart', async () => {
  const { clock, turns, take } = setUp();
  const all = ['a', 'b', 'c'].map((name) => take(name));
  await clock.advance(1000);
  await Promise.all(all);
  expect(turns).toEqual([
    ['a', 0],
    ['b', 100],
    ['c', 200],
  ]);
});

test('any second has at most 11 turns, and at least 9 while callers wait', async () => {
  const { clock, turns, take } = setUp();
  const all = upTo(60).map((n) => take(String(n)));
  await clock.advance(10_000);
  await Promise.all(all);
  for (const from of upTo(50).map((n) => n * 100)) {
    const inSecond = turns.filter(([, atMs]) => atMs >= from && atMs < from + 1000).length;
    expect(inSecond).toBeLessThanOrEqual(11);
    if (from < 4900) expect(inSecond).toBeGreaterThanOrEqual(9);
  }
});

test('a rest saves up no more than the burst', async () => {
  for (const burst of [1, 3]) {
    const { clock, turns, take } = setUp({ burst });
    await clock.advance(60_000);
    const all = upTo(6).map((n) => take(String(n)));
    await clock.advance(0);
    expect(turns).toHaveLength(burst);
    await clock.advance(1000);
    await Promise.all(all);
    expect(turns).toHaveLength(6);
  }
});

test('a caller whose deadline is shorter than its wait is refused at once and takes no turn', async () => {
  const { clock, startMs, turns, take } = setUp();
  const all = [take('a'), take('b')];
  const refused = take('hurried', { deadlineMs: startMs + 150 });
  const patient = take('patient', { deadlineMs: startMs + 200 });
  await clock.advance(0);
  const error = await refused;
  expect(error).toBeInstanceOf(LimitError);
  expect((error as unknown as LimitError).retryAfterMs).toBe(300);
  await clock.advance(1000);
  await Promise.all([...all, patient]);
  expect(turns).toEqual([
    ['a', 0],
    ['b', 100],
    ['patient', 200],
  ]);
});

test('a waiter that goes away gives its turn to those behind it', async () => {
  const { clock, turns, take } = setUp();
  const leaver = new AbortController();
  const all = [take('a'), take('gone', { signal: leaver.signal }), take('c')];
  await clock.advance(50);
  leaver.abort(new Error('gone'));
  await clock.advance(1000);
  expect((await Promise.all(all))[1]).toEqual(new Error('gone'));
  expect(turns).toEqual([
    ['a', 0],
    ['c', 100],
  ]);
});

test('the last waiter that goes away leaves no timer behind', async () => {
  const { clock, take } = setUp();
  const leaver = new AbortController();
  await take('a');
  const gone = take('b', { signal: leaver.signal });
  leaver.abort(new Error('gone'));
  await gone;
  expect(clock.pending).toBe(0);
});

test('more than may wait are refused', async () => {
  const { clock, turns, take } = setUp({ maxWaiting: 2 });
  const all = upTo(4).map((n) => take(String(n)));
  await clock.advance(1000);
  const errors = (await Promise.all(all)).filter((error) => error instanceof LimitError);
  expect([turns.length, errors.length]).toEqual([3, 1]);
});
