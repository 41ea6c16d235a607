import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { sleep } from './clock.ts';
import { LimitError } from './token-bucket.ts';
import { type TurnSource, createTurnQueue } from './turn-queue.ts';

const GAP_MS = 100;
const RESERVE_MS = 10;
const MAX_LATE_MS = 50;

interface Options {
  /** Number of turns of other processes between two of this one. */
  readonly others?: number;
  readonly maxWaiting?: number;
  /** Estimate of the source, where it differs from the truth. */
  readonly gapMs?: number;
}

/**
 * A queue whose source has a turn every 100 ms and takes 10 ms to reserve one. `turns` lists who got a turn, and how
 * many milliseconds after the start: `a at 10`.
 */
function setUp({ others = 0, maxWaiting = 100, gapMs = GAP_MS * (1 + others) }: Options = {}) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  let nextMs = startMs;
  let reservations = 0;
  const source: TurnSource & { fails: boolean; gapMs: number } = {
    fails: false,
    gapMs,
    minGapMs: GAP_MS,
    async reserve(maxWaitMs: number) {
      await sleep(clock, RESERVE_MS);
      if (source.fails) throw new Error('broken');
      nextMs = Math.max(nextMs, clock.nowMs());
      const waitMs = nextMs - clock.nowMs();
      if (waitMs > maxWaitMs) return { isGranted: false, waitMs };
      reservations += 1;
      nextMs += GAP_MS * (1 + others);
      return { isGranted: true, waitMs };
    },
    used: () => {},
  };
  const queue = createTurnQueue(clock, { maxWaiting, maxLateMs: MAX_LATE_MS }, source);
  const turns: string[] = [];

  /** Queues a caller. Resolves with undefined after its turn, otherwise with the reason of its refusal. */
  async function take(name: string, { forMs, signal }: { forMs?: number; signal?: AbortSignal } = {}) {
    try {
      await queue.take({
        ...(signal && { signal }),
        ...(forMs !== undefined && { deadlineMs: clock.nowMs() + forMs }),
      });
      turns.push(`${name} at ${clock.nowMs() - startMs}`);
      return undefined;
    } catch (error) {
      return error instanceof LimitError ? `refused, ${error.waitMs} ms away` : String(error);
    }
  }

  return { clock, source, turns, take, reservations: () => reservations };
}

const namesOf = (turns: readonly string[]) => turns.map((turn) => turn.split(' ')[0]);

test('callers go first come, first served, and one turn at a time is reserved', async () => {
  const { clock, turns, take, reservations } = setUp();
  for (const name of ['a', 'b', 'c']) void take(name);
  await clock.advance(150);
  expect(turns).toEqual(['a at 10', 'b at 110']);
  expect(reservations()).toBe(3);
  await clock.advance(1000);
  expect(turns).toEqual(['a at 10', 'b at 110', 'c at 210']);
});

test('the turn of a caller that leaves goes to the next one', async () => {
  const { clock, turns, take, reservations } = setUp();
  const leaver = new AbortController();
  void take('a');
  const left = take('b', { signal: leaver.signal });
  void take('c');
  await clock.advance(60);
  leaver.abort(new Error('gone'));
  await clock.advance(1000);
  expect(await left).toBe('Error: gone');
  expect(turns).toEqual(['a at 10', 'c at 110']);
  expect(reservations()).toBe(2);
});

/** Lets 'a' take its turn and 'b' leave, so that nobody wants the turn at 110. 'c' comes at `arrivalMs`. */
async function leaveTurnFor(arrivalMs: number) {
  const { clock, turns, take, reservations } = setUp();
  const leaver = new AbortController();
  void take('a');
  void take('b', { signal: leaver.signal });
  await clock.advance(60);
  leaver.abort(new Error('gone'));
  await clock.advance(arrivalMs - 60);
  void take('c');
  await clock.advance(1000);
  return { turns, reservations: reservations() };
}

test('a caller that comes soon after an abandoned turn was due takes it', async () => {
  expect(await leaveTurnFor(140)).toEqual({ turns: ['a at 10', 'c at 140'], reservations: 2 });
});

test('an abandoned turn is discarded when nobody took it in time', async () => {
  expect(await leaveTurnFor(180)).toEqual({ turns: ['a at 10', 'c at 210'], reservations: 3 });
});

test('a caller whose deadline is shorter than its wait is refused at once and takes no turn', async () => {
  const { clock, turns, take, reservations } = setUp({ others: 1 });
  for (const name of ['a', 'b', 'c']) void take(name);
  await clock.advance(20);
  const hurried = take('hurried', { forMs: 300 });
  const patient = take('patient', { forMs: 700 });
  await clock.advance(0);
  expect(await Promise.race([hurried, sleep(clock, 1)])).toBe('refused, 590 ms away');
  await clock.advance(2000);
  await patient;
  expect(namesOf(turns)).toEqual(['a', 'b', 'c', 'patient']);
  expect(reservations()).toBe(4);
});

test('a caller whose turn will certainly be too late is refused as soon as that is known', async () => {
  // Four other processes have just begun to take turns, and the estimate does not know it yet.
  const { clock, turns, take } = setUp({ others: 4, gapMs: GAP_MS });
  void take('a');
  void take('b');
  const hurried = take('hurried', { forMs: 550 });
  await clock.advance(30);
  // The next turn is at 510, so the one after it is at 610 or later.
  expect(await Promise.race([hurried, sleep(clock, 1)])).toBe('refused, 590 ms away');
  await clock.advance(1000);
  expect(namesOf(turns)).toEqual(['a', 'b']);
});

test('a caller that is refused makes room, so the one after it may still get its turn in time', async () => {
  const { clock, take } = setUp({ others: 4, gapMs: GAP_MS });
  void take('a');
  void take('b');
  const hurried = take('hurried', { forMs: 550 });
  const next = take('next', { forMs: 650 });
  await clock.advance(30);
  expect(await Promise.race([hurried, sleep(clock, 1)])).toBe('refused, 590 ms away');
  // Its turn is at 610 or later, because 'hurried' has left.
  expect(await Promise.race([next, clock.advance(1).then(() => 'waits')])).toBe('waits');
  await clock.advance(2000);
});

test('a caller whose turn may still come in time stays, even when it is unlikely', async () => {
  const { clock, source, turns, take } = setUp();
  void take('a');
  void take('b');
  void take('hopeful', { forMs: 250 });
  source.gapMs = 500;
  await clock.advance(1000);
  expect(namesOf(turns)).toEqual(['a', 'b', 'hopeful']);
});

test('a first caller with too little time is refused by the source, and the next caller gets the turn', async () => {
  const { clock, turns, take } = setUp({ others: 4 });
  void take('a');
  await clock.advance(20);
  const hurried = take('hurried', { forMs: 300 });
  const patient = take('patient', { forMs: 2000 });
  await clock.advance(RESERVE_MS + 1);
  expect(await hurried).toBe('refused, 480 ms away');
  await clock.advance(2000);
  await patient;
  expect(turns).toEqual(['a at 10', 'patient at 510']);
});

test('a caller is refused when too many wait', async () => {
  const { clock, take } = setUp({ maxWaiting: 2 });
  void take('a');
  void take('b');
  expect(await take('c')).toStartWith('refused');
  await clock.advance(1000);
});

test('a failed reservation rejects the first caller alone', async () => {
  const { clock, source, turns, take } = setUp();
  source.fails = true;
  const first = take('a');
  void take('b');
  await clock.advance(RESERVE_MS);
  source.fails = false;
  expect(await first).toBe('Error: broken');
  await clock.advance(1000);
  expect(turns).toEqual(['b at 20']);
});

test('a caller whose signal has already aborted reserves nothing', async () => {
  const { take, reservations } = setUp();
  expect(await take('a', { signal: AbortSignal.abort(new Error('gone')) })).toBe('Error: gone');
  expect(reservations()).toBe(0);
});

test('a caller may want another turn right after its own', async () => {
  const { clock, turns, take } = setUp();
  void (async () => {
    for (const name of ['a', 'b', 'c']) await take(name);
  })();
  await clock.advance(1000);
  expect(namesOf(turns)).toEqual(['a', 'b', 'c']);
});

test('after the clock was set back, nobody waits longer than the reserved turn was away', async () => {
  const fake = createFakeClock();
  let shiftMs = 0;
  const clock = { ...fake, nowMs: () => fake.nowMs() + shiftMs };
  const source: TurnSource = {
    reserve: async () => ({ isGranted: true, waitMs: GAP_MS }),
    used: () => {},
    gapMs: GAP_MS,
    minGapMs: GAP_MS,
  };
  const queue = createTurnQueue(clock, { maxWaiting: 10, maxLateMs: MAX_LATE_MS }, source);
  const leaver = new AbortController();
  const left = queue.take({ signal: leaver.signal }).catch(() => 'left');
  await fake.advance(10);
  leaver.abort();
  expect(await left).toBe('left');
  await fake.advance(20);
  shiftMs = -3_600_000;
  let isServed = false;
  const taken = queue.take({ deadlineMs: clock.nowMs() + 1000 }).then(() => (isServed = true));
  await fake.advance(300);
  expect(isServed).toBe(true);
  await taken;
});
