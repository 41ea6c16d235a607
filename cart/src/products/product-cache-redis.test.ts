import { expect, test } from 'bun:test';

import type { ShardedCache } from '@tally/platform/redis';
import { createFakeClock } from '@tally/platform/testing';

import { createRedisProductCache } from './product-cache-redis.ts';
import { NO_SUCH_PRODUCT } from './products.ts';

const LAMP = { name: 'a lamp', price: 100 };
const KEY = 'tally:product:1:7';

/**
 * Returns what the tests need: `open` creates the cache of a further instance, and all of them share one set of shards.
 */
function setUp() {
  const clock = createFakeClock();
  const texts = new Map<string, { text: string; ttlMs: number }>();
  const counts: string[] = [];
  let isAway = false;
  const refuseIfAway = () => {
    if (isAway) throw new Error('away');
  };
  const shards: ShardedCache = {
    async get(key) {
      refuseIfAway();
      return texts.get(key)?.text;
    },
    async set(key, text, ttlMs) {
      refuseIfAway();
      texts.set(key, { text, ttlMs });
    },
  };
  const open = (random = () => 0) =>
    createRedisProductCache({ clock, random, shards, count: (layer, outcome) => counts.push(`${layer} ${outcome}`) });
  return {
    clock,
    texts,
    counts,
    open,
    goAway: () => {
      isAway = true;
    },
  };
}

test('a product that one instance caches is read from the shards by another, which keeps it too', async () => {
  const { open, counts } = setUp();
  const [one, two] = [open(), open()];
  one.set(7, LAMP);
  expect(two.getLocal(7)).toBeUndefined();
  expect(await two.getShared(7)).toEqual(LAMP);
  expect([one.getLocal(7), two.getLocal(7)]).toEqual([LAMP, LAMP]);
  expect(await two.getShared(8)).toBeUndefined();
  expect(counts).toEqual(['process miss', 'redis hit', 'process hit', 'process hit', 'redis miss']);
});

test('products are cached for minutes and unknown skus for two seconds, each for up to a fifth less', async () => {
  const { clock, open, texts } = setUp();
  const cache = open(() => 0.5);
  cache.set(7, LAMP);
  cache.set(8, NO_SUCH_PRODUCT);
  expect([...texts.values()].map(({ ttlMs }) => ttlMs)).toEqual([270_000, 1_800]);
  expect(await open().getShared(8)).toBe(NO_SUCH_PRODUCT);
  await clock.advance(1_900);
  expect([cache.getLocal(7), cache.getLocal(8)]).toEqual([LAMP, undefined]);
  await clock.advance(58_100);
  expect(cache.getLocal(7)).toBeUndefined();
});

const INVALID: Record<string, string> = {
  'text that is not JSON': '{"name"',
  'a number': '7',
  null: 'null',
  'a name of 501 characters': JSON.stringify({ name: 'x'.repeat(501), price: 1 }),
  'a name with U+0000': JSON.stringify({ name: 'a\0', price: 1 }),
  'an object without a name': JSON.stringify({ price: 1 }),
  'a price out of bounds': JSON.stringify({ name: 'a', price: 2 ** 32 }),
  'a price as text': JSON.stringify({ name: 'a', price: '1' }),
};
for (const [what, text] of Object.entries(INVALID)) {
  test(`${what} in the shared cache is a miss, and counts as an error`, async () => {
    const { open, texts, counts } = setUp();
    texts.set(KEY, { text, ttlMs: 1 });
    expect(await open().getShared(7)).toBeUndefined();
    expect(counts).toEqual(['redis error']);
  });
}

test('a product with price 0 is a product', async () => {
  const { open, texts } = setUp();
  texts.set(KEY, { text: JSON.stringify({ name: 'a gift', price: 0 }), ttlMs: 1 });
  expect(await open().getShared(7)).toEqual({ name: 'a gift', price: 0 });
});

test('only name and price are read from the shared cache', async () => {
  const { open, texts } = setUp();
  texts.set(KEY, { text: JSON.stringify({ ...LAMP, sku: 9 }), ttlMs: 1 });
  expect(await open().getShared(7)).toEqual(LAMP);
});

test('when the shards are away every read of them is a miss, and the process still caches', async () => {
  const { open, goAway, counts } = setUp();
  goAway();
  const cache = open();
  expect(await cache.getShared(7)).toBeUndefined();
  cache.set(7, LAMP);
  await Promise.resolve();
  expect(cache.getLocal(7)).toEqual(LAMP);
  expect(counts).toEqual(['redis error', 'redis error', 'process hit']);
});
