import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';

import { freePort } from '@tally/platform/embedded';
import { type TestRedis, describeWith, missingRedis, openTestRedis } from '@tally/platform/testing';

import { type Instance, type SharedProducts, listAt, openSharedProducts, startLoad } from './shared-products.ts';

setDefaultTimeout(60_000);

const USERS = 50;
const LINES = 20;
// High enough that the limit does not matter here.
const UNLIMITED = { callsPerSecond: 5_000, instances: 1 };

describeWith(await missingRedis(), 'the product cache on two shards of Redis', () => {
  let stack: AsyncDisposableStack;
  let shards: readonly [TestRedis, TestRedis];
  let shop: SharedProducts;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    shards = [stack.use(await openTestRedis('allkeys-lru')), stack.use(await openTestRedis('allkeys-lru'))];
    shop = stack.use(await openSharedProducts(100_000));
    await shop.fill(USERS, LINES);
  });
  afterEach(() => stack.disposeAsync());

  const open = () => shop.openInstance({ ...UNLIMITED, cache: shards.map(({ url }) => url) });
  const listAll = async (at: Instance) => {
    const outcomes = await Promise.all(Array.from({ length: USERS }, (_, i) => listAt(at, i + 1)));
    expect(outcomes).toEqual(Array.from({ length: USERS }, () => 'OK'));
  };

  test('a List of 20 cached lines makes no product call, not even on a new instance', async () => {
    const one = await open();
    expect([await listAt(one, 1), shop.calls()]).toEqual(['OK', LINES]);
    expect([await listAt(one, 1), shop.calls()]).toEqual(['OK', LINES]);
    const fresh = await open();
    expect([await listAt(fresh, 1), shop.calls()]).toEqual(['OK', LINES]);
    expect(await one.counts()).toEqual({ 'process miss': LINES, 'process hit': LINES, 'redis miss': LINES });
    expect(await fresh.counts()).toEqual({ 'process miss': LINES, 'redis hit': LINES });
  });

  test('a call with its own product token neither reads nor fills the cache', async () => {
    const one = await open();
    expect(await listAt(one, 1, { token: 'testtoken' })).toBe('OK');
    expect(await listAt(one, 1, { token: 'another' })).toBe('UNAUTHENTICATED WRONG_PRODUCT_TOKEN');
    expect(await one.counts()).toEqual({});
    expect(await listAt(one, 1)).toBe('OK');
    expect(await one.counts()).toEqual({ 'process miss': LINES, 'redis miss': LINES });
  });

  test('when a shard is killed under load, only its keys are lost and no request fails', async () => {
    await listAll(await open());
    expect(shop.calls()).toBe(USERS * LINES);
    // New instances read from Redis, because the caches in their processes are empty. The load moves on to the next
    // instance every 20 rounds.
    const fresh = await Promise.all(Array.from({ length: 6 }, open));
    const load = startLoad(8, (caller, round) => {
      const at = fresh[Math.min(fresh.length - 1, Math.floor(round / 20))] as Instance;
      return listAt(at, 1 + ((caller * 7 + round) % USERS));
    });
    await Bun.sleep(100);
    await shards[0].kill();
    await Bun.sleep(1_500);
    const outcomes = await load.stop();
    expect(outcomes).toEqual({ OK: expect.any(Number) as never });
    const before = shop.calls();
    const last = await open();
    await listAll(last);
    const counts = await last.counts();
    const lost = (shop.calls() - before) / (USERS * LINES);
    const lostPercent = (lost * 100).toFixed(1);
    console.log(`lost with one of two shards: ${lostPercent} % of ${USERS * LINES} products`);
    console.log(`${outcomes['OK']} Lists under load, none failed`);
    expect(lost).toBeWithin(0.4, 0.6);
    expect(counts['redis hit']).toBe(USERS * LINES - (shop.calls() - before));
    // Redis failed twice for each lost key: at the read, and at the write that followed the product call.
    expect(counts['redis error']).toBe(2 * (shop.calls() - before));
  });

  test('a shard that hangs delays the first List, but not the ones after it', async () => {
    await listAll(await open());
    const fresh = await open();
    shards[0].pause();
    const tookMs: number[] = [];
    for (let user = 1; user <= 20; user += 1) {
      const startedMs = performance.now();
      expect(await listAt(fresh, user)).toBe('OK');
      tookMs.push(performance.now() - startedMs);
    }
    shards[0].resume();
    const [firstMs = Number.POSITIVE_INFINITY, ...nextMs] = tookMs;
    const medianMs = median(nextMs);
    console.log(`Lists with a hanging shard: first ${firstMs.toFixed(0)} ms, then ${medianMs.toFixed(1)} ms (median)`);
    expect(firstMs).toBeLessThan(400);
    expect(medianMs).toBeLessThan(50);
  });

  test('a shard that is back is used again', async () => {
    await shards[0].kill();
    await listAll(await open());
    await shards[0].start();
    const again = await open();
    await listAll(again);
    const before = shop.calls();
    await listAll(await open());
    expect(shop.calls()).toBe(before);
  });
});

test('cart starts and serves while no Redis answers, within its own part of the limit', async () => {
  await using shop = await openSharedProducts(11);
  await shop.fill(1, 5);
  const nowhere = () => `redis://127.0.0.1:${freePort()}`;
  const startedMs = performance.now();
  const alone = await shop.openInstance({ limiter: nowhere(), cache: [nowhere(), nowhere()], instances: 2 });
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  const listedMs = performance.now();
  expect([await listAt(alone, 1), await listAt(alone, 1), shop.calls()]).toEqual(['OK', 'OK', 5]);
  // The instance may make five calls a second, and the first of the five calls waits for a whole interval too.
  expect(performance.now() - listedMs).toBeWithin(1_000, 1_600);
  expect(await alone.counts()).toEqual({ 'process miss': 5, 'process hit': 5, 'redis error': 10 });
});

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
