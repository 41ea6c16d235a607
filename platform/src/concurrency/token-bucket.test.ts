import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { range } from '../testing/range.ts';
import { sleep } from './clock.ts';
import { createRandom } from './random.ts';
import { LimitError, createTokenBucket } from './token-bucket.ts';

const LIMITS = { ratePerSecond: 10, burst: 1, maxWaiting: 1000 };

/** A bucket whose timers each fire `lateMs()` too late. */
function setUp(limits = {}, lateMs = () => 0) {
  const fake = createFakeClock();
  const clock = { ...fake, schedule: (ms: number, work: () => void) => fake.schedule(ms + lateMs(), work) };
  Object.defineProperty(clock, 'pending', { get: () => fake.pending });
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

test('callers go first come, first served, an interval apart', async () => {
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

/** Checks every window of a second that begins with a turn. No other window can have more turns. */
function expectAtMostInASecond(turns: readonly [name: string, atMs: number][], most: number): void {
  for (const [, from] of turns) {
    expect(turns.filter(([, atMs]) => atMs >= from && atMs < from + 1000).length).toBeLessThanOrEqual(most);
  }
}

test('any second has at most 11 turns, and at least 9 while callers wait', async () => {
  const { clock, turns, take } = setUp();
  const all = range(60).map((n) => take(String(n)));
  await clock.advance(10_000);
  await Promise.all(all);
  expectAtMostInASecond(turns, 11);
  for (const from of range(49).map((n) => n * 100)) {
    expect(turns.filter(([, atMs]) => atMs >= from && atMs < from + 1000).length).toBeGreaterThanOrEqual(9);
  }
});

test('timers that are late by up to a quarter of an interval cost no turns', async () => {
  const random = createRandom(1);
  const { clock, turns, take } = setUp({}, () => random() * 25);
  const all = range(100).map((n) => take(String(n)));
  await clock.advance(20_000);
  await Promise.all(all);
  expect(turns.at(-1)?.[1]).toBeLessThan(9_930);
  expectAtMostInASecond(turns, 11);
});

test('any second has at most 11 turns while callers come, hurry and leave at random', async () => {
  for (const seed of range(30)) {
    const random = createRandom(seed);
    const { clock, startMs, turns, take } = setUp({ maxWaiting: 30 }, () => random() ** 4 * 300);
    const calls = range(150).map(async (n) => {
      await sleep(clock, random() * 10_000);
      const leaver = new AbortController();
      if (random() < 0.3) clock.schedule(random() * 1000, () => leaver.abort(new Error('gone')));
      const deadlineMs = random() < 0.5 ? clock.nowMs() + random() * 3000 : undefined;
      const error = await take(String(n), { signal: leaver.signal, ...(deadlineMs && { deadlineMs }) });
      if (error === undefined && deadlineMs !== undefined) expect(clock.nowMs()).toBeLessThanOrEqual(deadlineMs);
    });
    await clock.advance(30_000);
    await Promise.all(calls);
    expectAtMostInASecond(turns, 11);
    expect(turns.length).toBeGreaterThan(40);
    expect([clock.pending, clock.nowMs() - startMs]).toEqual([0, 30_000]);
  }
});

test('after the clock was set back, nobody waits for it to catch up', async () => {
  const { clock, take } = setUp();
  let backMs = 0;
  const bucket = createTokenBucket({ ...clock, nowMs: () => clock.nowMs() - backMs }, LIMITS);
  await bucket.take();
  backMs = 3_600_000;
  let isThrough = false;
  const next = bucket.take().then(() => (isThrough = true));
  await clock.advance(100);
  expect(isThrough).toBe(true);
  await Promise.all([next, take('unused')]);
});

test('a pause saves no more turns than the burst', async () => {
  for (const burst of [1, 3]) {
    const { clock, turns, take } = setUp({ burst });
    await clock.advance(60_000);
    const all = range(6).map((n) => take(String(n)));
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
  expect(error).toHaveProperty('waitMs', 200);
  await clock.advance(1000);
  await Promise.all([...all, patient]);
  expect(turns).toEqual([
    ['a', 0],
    ['b', 100],
    ['patient', 200],
  ]);
});

test('a caller that leaves the queue gives its turn to the next one', async () => {
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

test('a caller whose deadline has passed when its turn comes late is refused', async () => {
  let lateMs = 0;
  const { clock, startMs, turns, take } = setUp({}, () => lateMs);
  await take('a');
  lateMs = 50;
  const all = [take('b'), take('hurried', { deadlineMs: startMs + 200 }), take('d')];
  await clock.advance(1000);
  expect((await Promise.all(all))[1]).toBeInstanceOf(LimitError);
  expect(turns.map(([name]) => name)).toEqual(['a', 'b', 'd']);
});

test('no timer is left when the last caller leaves the queue', async () => {
  const { clock, take } = setUp();
  const leaver = new AbortController();
  await take('a');
  const gone = take('b', { signal: leaver.signal });
  leaver.abort(new Error('gone'));
  await gone;
  expect(clock.pending).toBe(0);
});

test('a caller is refused when too many wait', async () => {
  const { clock, turns, take } = setUp({ maxWaiting: 2 });
  const all = range(4).map((n) => take(String(n)));
  await clock.advance(1000);
  const errors = (await Promise.all(all)).filter((error) => error instanceof LimitError);
  expect([turns.length, errors.length]).toEqual([3, 1]);
});

test('with no place to wait, a caller that need not wait still goes', async () => {
  const { clock, turns, take } = setUp({ maxWaiting: 0 });
  const all = [take('a'), take('b')];
  await clock.advance(100);
  all.push(take('c'));
  await Promise.all(all);
  expect(turns.map(([name]) => name)).toEqual(['a', 'c']);
});
