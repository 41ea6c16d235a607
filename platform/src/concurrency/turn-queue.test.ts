import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { sleep } from './clock.ts';
import { LimitError } from './token-bucket.ts';
import { type TurnSource, createTurnQueue } from './turn-queue.ts';

/** Turns 100 ms apart from a source that takes 10 ms to answer. `others` turns lie between two of ours; `gapMs` is believed. */
function setUp({ others = 0, maxWaiting = 100, gapMs }: { others?: number; maxWaiting?: number; gapMs?: number } = {}) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  let nextMs = startMs;
  let reserved = 0;
  const source: TurnSource & { fails: boolean; gapMs: number } = {
    fails: false,
    async reserve(maxWaitMs) {
      await sleep(clock, 10);
      if (source.fails) throw new Error('broken');
      nextMs = Math.max(nextMs, clock.nowMs());
      const waitMs = nextMs - clock.nowMs();
      if (waitMs > maxWaitMs) return { isGranted: false, waitMs };
      reserved += 1;
      nextMs += 100 * (1 + others);
      return { isGranted: true, waitMs };
    },
    used: () => {},
    gapMs: gapMs ?? 100 * (1 + others),
    minGapMs: 100,
  };
  const queue = createTurnQueue(clock, { maxWaiting, maxLateMs: 50 }, source);
  const turns: [name: string, atMs: number][] = [];
  const take = (name: string, options: { forMs?: number; signal?: AbortSignal } = {}) =>
    queue
      .take({
        ...(options.signal && { signal: options.signal }),
        ...(options.forMs !== undefined && { deadlineMs: clock.nowMs() + options.forMs }),
      })
      .then(
        () => void turns.push([name, clock.nowMs() - startMs]),
        (error: unknown) => (error instanceof LimitError ? `refused, ${error.waitMs} ms away` : String(error)),
      );
  return { clock, source, turns, take, reserved: () => reserved };
}

test('callers go first come, first served, in turns that are reserved one at a time', async () => {
  const { clock, turns, take, reserved } = setUp();
  void ['a', 'b', 'c'].map((name) => take(name));
  await clock.advance(150);
  expect([turns, reserved()]).toEqual([
    [
      ['a', 10],
      ['b', 110],
    ],
    3,
  ]);
  await clock.advance(1000);
  expect(turns.at(-1)).toEqual(['c', 210]);
});

test('the turn of a caller that leaves goes to the next one', async () => {
  const { clock, turns, take, reserved } = setUp();
  const leaver = new AbortController();
  void take('a');
  const gone = take('b', { signal: leaver.signal });
  void take('c');
  await clock.advance(60);
  leaver.abort(new Error('gone'));
  await clock.advance(1000);
  expect(await gone).toBe('Error: gone');
  expect([turns, reserved()]).toEqual([
    [
      ['a', 10],
      ['c', 110],
    ],
    2,
  ]);
});

test('when all leave, the reserved turn waits for who comes next, and for no longer than its lateness', async () => {
  for (const [restMs, wanted, reservations] of [
    [
      140,
      [
        ['a', 10],
        ['late', 140],
      ],
      2,
    ],
    [
      180,
      [
        ['a', 10],
        ['late', 210],
      ],
      3,
    ],
  ] as const) {
    const { clock, turns, take, reserved } = setUp();
    const leaver = new AbortController();
    void take('a');
    void take('b', { signal: leaver.signal });
    await clock.advance(60);
    leaver.abort(new Error('gone'));
    await clock.advance(restMs - 60);
    void take('late');
    await clock.advance(1000);
    expect([turns as unknown, reserved()]).toEqual([wanted, reservations]);
  }
});

test('a caller whose deadline is shorter than its wait is refused at once and takes no turn', async () => {
  const { clock, turns, take, reserved } = setUp({ others: 1 });
  void ['a', 'b', 'c'].map((name) => take(name));
  await clock.advance(20);
  const hurried = take('hurried', { forMs: 300 });
  const patient = take('patient', { forMs: 700 });
  await clock.advance(0);
  expect(await Promise.race([hurried, sleep(clock, 1)])).toBe('refused, 590 ms away');
  await clock.advance(2000);
  await patient;
  expect([turns.map(([name]) => name), reserved()]).toEqual([['a', 'b', 'c', 'patient'], 4]);
});

test('whose turn turns out to come too late is refused as soon as that is sure, and not when it would come', async () => {
  // Four more processes want turns since a moment ago.
  const { clock, turns, take } = setUp({ others: 4, gapMs: 100 });
  void ['a', 'b'].map((name) => take(name));
  const hurried = take('hurried', { forMs: 550 });
  await clock.advance(30);
  // The next turn is at 510, and behind it nobody's can be before 610.
  expect(await Promise.race([hurried, sleep(clock, 1)])).toBe('refused, 590 ms away');
  await clock.advance(1000);
  expect(turns.map(([name]) => name)).toEqual(['a', 'b']);
});

test('whose turn may still come in time stays, also where it is not likely', async () => {
  const { clock, source, turns, take } = setUp();
  void ['a', 'b'].map((name) => take(name));
  void take('hopeful', { forMs: 250 });
  source.gapMs = 500;
  await clock.advance(1000);
  expect(turns.map(([name]) => name)).toEqual(['a', 'b', 'hopeful']);
});

test('a caller that comes first and has too little time is refused by the source, and the next one is asked for', async () => {
  const { clock, turns, take } = setUp({ others: 4 });
  void take('a');
  await clock.advance(20);
  const hurried = take('hurried', { forMs: 300 });
  const patient = take('patient', { forMs: 2000 });
  await clock.advance(11);
  expect(await hurried).toBe('refused, 480 ms away');
  await clock.advance(2000);
  await patient;
  expect(turns).toEqual([
    ['a', 10],
    ['patient', 510],
  ]);
});

test('too many waiting are refused', async () => {
  const { clock, take } = setUp({ maxWaiting: 2 });
  void take('a');
  void take('b');
  expect(await take('c')).toStartWith('refused');
  await clock.advance(1000);
});

test('a failure is for the first caller alone', async () => {
  const { clock, source, turns, take } = setUp();
  source.fails = true;
  const first = take('a');
  void take('b');
  await clock.advance(10);
  source.fails = false;
  expect(await first).toBe('Error: broken');
  await clock.advance(1000);
  expect(turns).toEqual([['b', 20]]);
});

test('a caller that has left already takes nothing', async () => {
  const { take, reserved } = setUp();
  expect(await take('a', { signal: AbortSignal.abort(new Error('gone')) })).toBe('Error: gone');
  expect(reserved()).toBe(0);
});

test('whoever had the last turn may want the next one at once', async () => {
  const { clock, turns, take } = setUp();
  void take('a')
    .then(() => take('b'))
    .then(() => take('c'));
  await clock.advance(1000);
  expect(turns.map(([name]) => name)).toEqual(['a', 'b', 'c']);
});

test('a clock that is set back makes nobody wait for longer than the turn that was reserved', async () => {
  const fake = createFakeClock();
  let shiftMs = 0;
  const clock = { ...fake, nowMs: () => fake.nowMs() + shiftMs };
  const source: TurnSource = {
    reserve: async () => ({ isGranted: true, waitMs: 100 }),
    used: () => {},
    gapMs: 100,
    minGapMs: 100,
  };
  const queue = createTurnQueue(clock, { maxWaiting: 10, maxLateMs: 50 }, source);
  const leaving = new AbortController();
  const left = queue.take({ signal: leaving.signal }).catch(() => 'left');
  await fake.advance(10);
  leaving.abort();
  expect(await left).toBe('left');
  await fake.advance(20);
  shiftMs = -3_600_000;
  let isServed = false;
  const taken = queue.take({ deadlineMs: clock.nowMs() + 1000 }).then(() => (isServed = true));
  await fake.advance(300);
  expect(isServed).toBe(true);
  await taken;
});
