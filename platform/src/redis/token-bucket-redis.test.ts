import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { RedisAwayError } from './client.ts';
import { SHARED_AGAIN_MS, createSharedTokenBucket } from './token-bucket-redis.ts';

/** A Redis as the script makes it, without the script: it answers at once, or is away. */
function createFakeRedis(nowMs: () => number) {
  const redis = {
    isAway: false,
    fullMs: undefined as number | undefined,
    onReady: () => {},
    async send(_command: string, ...args: readonly string[]): Promise<unknown> {
      if (redis.isAway) throw new RedisAwayError('away');
      const [interval = 0, tolerance = 0, patience = 0, quiet = 0] = args.slice(3).map((us) => Number(us) / 1000);
      const full = Math.max(nowMs(), redis.fullMs ?? nowMs() + tolerance + quiet);
      const wait = Math.max(0, full - tolerance - nowMs());
      redis.fullMs = full + (wait <= patience ? interval : 0);
      return [wait <= patience ? 1 : 0, wait * 1000];
    },
  };
  return redis;
}

/** So many processes with one Redis, each with callers that never stop wanting turns. */
function setUp({ instances = 2, ratePerSecond = 10, isAway = false } = {}) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  const redis = createFakeRedis(clock.nowMs);
  redis.isAway = isAway;
  const turnsMs: number[] = [];
  const changes: string[] = [];
  for (let i = 0; i < instances; i += 1) {
    const bucket = createSharedTokenBucket(
      { clock, redis, onChange: (isShared) => changes.push(`${i} ${isShared ? 'shared' : 'alone'}`) },
      { key: 'limit', ratePerSecond, burst: 1, instances, maxWaiting: 1000 },
    );
    const want = async () => {
      for (;;) {
        await bucket.take();
        turnsMs.push(clock.nowMs() - startMs);
      }
    };
    for (let n = 0; n < 3; n += 1) void want();
  }
  const within = (fromMs: number, toMs: number) => turnsMs.filter((ms) => ms >= fromMs && ms < toMs).length;
  const mostInASecond = () => Math.max(...turnsMs.map((ms) => within(ms, ms + 1000)));
  return { clock, redis, turnsMs, changes, within, mostInASecond };
}

test('processes share the rate, after the second in which a new Redis gives out nothing', async () => {
  const { clock, turnsMs, within, mostInASecond } = setUp();
  await clock.advance(11_000);
  expect(turnsMs[0]).toBe(1000);
  expect(within(1000, 11_000)).toBe(100);
  expect(mostInASecond()).toBe(10);
});

for (const instances of [1, 2, 3, 5, 10]) {
  test(`without Redis the sum over ${instances} stays within the limit, also while they change over`, async () => {
    const { clock, redis, within, mostInASecond, changes } = setUp({ instances });
    await clock.advance(3_333);
    redis.isAway = true;
    await clock.advance(10_000);
    expect(changes.filter((change) => change.endsWith('alone'))).toHaveLength(instances);
    const perSecond = within(6_000, 13_000) / 7;
    expect(perSecond).toBeLessThanOrEqual(10);
    expect(perSecond).toBeGreaterThan(instances === 3 ? 8 : 9);
    redis.isAway = false;
    redis.fullMs = undefined;
    await clock.advance(10_000);
    expect(mostInASecond()).toBeLessThanOrEqual(11);
    expect(within(13_333 + SHARED_AGAIN_MS, 23_333)).toBeGreaterThanOrEqual(9 * 8.5);
    expect(changes.filter((change) => change.endsWith('shared'))).toHaveLength(instances);
  });
}

test('turns of several processes that fall in the same moments are still no more than the limit', async () => {
  for (const instances of [2, 3, 4, 7, 10]) {
    const { clock, mostInASecond } = setUp({ instances, isAway: true });
    await clock.advance(10_000);
    expect(mostInASecond()).toBeLessThanOrEqual(10);
  }
});

test('more processes than turns a second wait longer, and get them all the same', async () => {
  const { clock, redis, within } = setUp({ instances: 4, ratePerSecond: 2 });
  redis.isAway = true;
  await clock.advance(20_000);
  expect(within(0, 20_000)).toBeGreaterThan(30);
  expect(within(0, 20_000)).toBeLessThanOrEqual(40);
});

/** One of two processes, with a caller that never stops; `clock.lateMs`: how late its timers are. */
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
  const want = async () => {
    for (;;) {
      await bucket.take();
      turnsMs.push(clock.nowMs() - startMs);
    }
  };
  void want();
  return { clock, redis, turnsMs };
}

test('a turn that comes too late is given up, so that it is not squeezed into the next one', async () => {
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

test('alone, a turn that comes late moves those behind it', async () => {
  const { clock, redis, turnsMs } = setUpOne();
  await clock.advance(1250);
  redis.isAway = true;
  clock.lateMs = 60;
  await clock.advance(250);
  clock.lateMs = 0;
  await clock.advance(500);
  // The turn that was reserved of the shared limit is taken; then come those of its part, five a second less a margin.
  expect(turnsMs).toEqual([1000, 1100, 1200, 1300, 1570, 1780, 1990]);
});

test('alone, a turn that came too late is lost, and not made up for', async () => {
  const { clock, redis, turnsMs } = setUpOne();
  await clock.advance(1250);
  redis.isAway = true;
  clock.lateMs = 80;
  await clock.advance(250);
  clock.lateMs = 0;
  await clock.advance(500);
  // The one at 1510 was late.
  expect(turnsMs).toEqual([1000, 1100, 1200, 1300, 1720, 1930]);
});

test('alone, a clock that is set back makes nobody wait for longer than an interval', async () => {
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

test('alone after a rest, the first turn is an interval away: others may just have had theirs', async () => {
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
