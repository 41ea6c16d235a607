import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { RedisAwayError } from './client.ts';
import { SHARED_AGAIN_MS, createSharedTokenBucket } from './token-bucket-redis.ts';

const RATE = 10;

/**
 * Stands in for Redis and its script with a burst of 1: it hands out turns an interval apart, and none for a second
 * when it knows nothing of the bucket. platform/test/token-buckets.test.ts tests the script itself on a real Redis.
 */
function createFakeRedis(nowMs: () => number) {
  let nextTurnMs: number | undefined;
  const redis = {
    isAway: false,
    onReady: () => {},
    /** Loses its memory, as after a restart. */
    forget: () => (nextTurnMs = undefined),
    async send(...command: readonly string[]): Promise<unknown> {
      if (redis.isAway) throw new RedisAwayError('away');
      const [_evalsha, _sha, _keys, _key, ...argumentsUs] = command;
      const [intervalMs = 0, _toleranceMs, maxWaitMs = 0, quietMs = 0] = argumentsUs.map((us) => Number(us) / 1000);
      nextTurnMs = Math.max(nowMs(), nextTurnMs ?? nowMs() + quietMs);
      const waitMs = nextTurnMs - nowMs();
      const isGranted = waitMs <= maxWaitMs;
      if (isGranted) nextTurnMs += intervalMs;
      return [isGranted ? 1 : 0, waitMs * 1000];
    },
  };
  return redis;
}

/** `instances` processes that share one Redis, each with three callers that always want another turn. */
function setUp({ instances = 2, ratePerSecond = RATE, isAway = false } = {}) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  const redis = createFakeRedis(clock.nowMs);
  redis.isAway = isAway;
  const turnsMs: number[] = [];
  const changes: string[] = [];
  for (let i = 0; i < instances; i += 1) {
    const bucket = createSharedTokenBucket(
      { clock, redis, onChange: (isShared) => changes.push(isShared ? 'shared' : 'alone') },
      { key: 'limit', ratePerSecond, burst: 1, instances, maxWaiting: 1000 },
    );
    const takeForever = async () => {
      for (;;) {
        await bucket.take();
        turnsMs.push(clock.nowMs() - startMs);
      }
    };
    for (let caller = 0; caller < 3; caller += 1) void takeForever();
  }
  /** Counts the turns between two moments. */
  const countTurns = (fromMs: number, toMs: number) => turnsMs.filter((ms) => ms >= fromMs && ms < toMs).length;
  const mostInASecond = () => Math.max(...turnsMs.map((ms) => countTurns(ms, ms + 1000)));
  return { clock, redis, turnsMs, changes, countTurns, mostInASecond };
}

test('processes share the rate, after the first second in which a new Redis hands out nothing', async () => {
  const { clock, turnsMs, countTurns, mostInASecond } = setUp();
  await clock.advance(11_000);
  expect(turnsMs[0]).toBe(1000);
  expect(countTurns(1000, 11_000)).toBe(10 * RATE);
  expect(mostInASecond()).toBe(RATE);
});

for (const instances of [1, 2, 3, 5, 10]) {
  test(`${instances} processes stay within the limit without Redis, and while it goes and returns`, async () => {
    const { clock, redis, countTurns, mostInASecond, changes } = setUp({ instances });
    await clock.advance(3_333);
    redis.isAway = true;
    await clock.advance(10_000);
    expect(changes).toEqual(Array.from({ length: instances }, () => 'alone'));
    const aloneRate = countTurns(6_000, 13_000) / 7;
    expect(aloneRate).toBeLessThanOrEqual(RATE);
    // A part is a whole number of turns a second, so three processes have 3 x 3 of the 10 turns, less the margin.
    expect(aloneRate).toBeGreaterThan(instances === 3 ? 0.8 * RATE : 0.9 * RATE);

    const returnedMs = 13_333;
    redis.isAway = false;
    redis.forget();
    await clock.advance(10_000);
    expect(mostInASecond()).toBeLessThanOrEqual(RATE + 1);
    const sharedSeconds = (10_000 - SHARED_AGAIN_MS) / 1000;
    const shared = countTurns(returnedMs + SHARED_AGAIN_MS, returnedMs + 10_000);
    expect(shared).toBeGreaterThanOrEqual(0.9 * RATE * sharedSeconds);
    expect(changes.filter((change) => change === 'shared')).toHaveLength(instances);
  });
}

test('without Redis from the start, turns of several processes at the same moments stay within the limit', async () => {
  for (const instances of [2, 3, 4, 7, 10]) {
    const { clock, mostInASecond } = setUp({ instances, isAway: true });
    await clock.advance(10_000);
    expect(mostInASecond()).toBeLessThanOrEqual(RATE);
  }
});

test('with more processes than turns a second, each waits longer and still gets turns', async () => {
  const { clock, redis, countTurns } = setUp({ instances: 4, ratePerSecond: 2 });
  redis.isAway = true;
  await clock.advance(20_000);
  expect(countTurns(0, 20_000)).toBeGreaterThan(30);
  expect(countTurns(0, 20_000)).toBeLessThanOrEqual(40);
});

/** One of two processes, with one caller that always wants another turn. Its timers fire `clock.lateMs` too late. */
function setUpOne() {
  const fake = createFakeClock();
  const startMs = fake.nowMs();
  const clock = {
    ...fake,
    lateMs: 0,
    schedule: (delayMs: number, work: () => void) => fake.schedule(delayMs + clock.lateMs, work),
  };
  const redis = createFakeRedis(clock.nowMs);
  const bucket = createSharedTokenBucket(
    { clock, redis },
    { key: 'limit', ratePerSecond: 10, burst: 1, instances: 2, maxWaiting: 10 },
  );
  const turnsMs: number[] = [];
  const takeForever = async () => {
    for (;;) {
      await bucket.take();
      turnsMs.push(clock.nowMs() - startMs);
    }
  };
  void takeForever();
  return { clock, redis, turnsMs };
}

test('a turn that is more than three quarters of an interval late is discarded, so close is the next one', async () => {
  const { clock, turnsMs } = setUpOne();
  clock.lateMs = 80;
  await clock.advance(1050);
  clock.lateMs = 0;
  await clock.advance(250);
  expect(turnsMs).toEqual([1100, 1200, 1300]);
});

test('a turn that comes a little late is taken', async () => {
  const { clock, turnsMs } = setUpOne();
  clock.lateMs = 70;
  await clock.advance(1050);
  clock.lateMs = 0;
  await clock.advance(150);
  expect(turnsMs).toEqual([1070, 1100, 1200]);
});

test('alone, a turn that comes late delays the following ones', async () => {
  const { clock, redis, turnsMs } = setUpOne();
  await clock.advance(1250);
  redis.isAway = true;
  clock.lateMs = 60;
  await clock.advance(250);
  clock.lateMs = 0;
  await clock.advance(500);
  // The turn that was reserved in Redis is taken. The next ones are its own part: five a second, less a margin.
  expect(turnsMs).toEqual([1000, 1100, 1200, 1300, 1570, 1780, 1990]);
});

test('alone, a turn that comes too late is lost and not made up for', async () => {
  const { clock, redis, turnsMs } = setUpOne();
  await clock.advance(1250);
  redis.isAway = true;
  clock.lateMs = 80;
  await clock.advance(250);
  clock.lateMs = 0;
  await clock.advance(500);
  // The turn at 1510 came too late.
  expect(turnsMs).toEqual([1000, 1100, 1200, 1300, 1720, 1930]);
});

test('alone, nobody waits longer than an interval after the clock was set back', async () => {
  const { clock, redis } = setUpOne();
  redis.isAway = true;
  let shiftMs = 0;
  const shifted = { ...clock, nowMs: () => clock.nowMs() + shiftMs };
  const bucket = createSharedTokenBucket(
    { clock: shifted, redis },
    { key: 'limit', ratePerSecond: 10, burst: 1, instances: 2, maxWaiting: 10 },
  );
  void bucket.take();
  await clock.advance(300);
  shiftMs = -3_600_000;
  let isServed = false;
  void bucket.take().then(() => (isServed = true));
  await clock.advance(215);
  expect(isServed).toBe(true);
});

test('alone after a pause, the first turn is an interval away: others may just have had theirs', async () => {
  const { clock, redis } = setUpOne();
  redis.isAway = true;
  const bucket = createSharedTokenBucket(
    { clock, redis },
    { key: 'limit', ratePerSecond: 10, burst: 1, instances: 2, maxWaiting: 10 },
  );
  let isServed = false;
  void bucket.take().then(() => (isServed = true));
  await clock.advance(209);
  expect(isServed).toBe(false);
  await clock.advance(2);
  expect(isServed).toBe(true);
});
