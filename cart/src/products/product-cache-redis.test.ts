import { expect, test } from 'bun:test';

import type { ShardedCache } from '@tally/platform/redis';
import { createFakeClock } from '@tally/platform/testing';

import { createProductCache } from './product-cache-redis.ts';
import { UNKNOWN } from '../carts/product.ts';

const LAMP = { name: 'a lamp', price: 100 };
const KEY = 'tally:product:1:7';

/** Caches of several instances over one set of shards. */
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
    createProductCache({ clock, random, shards, count: (layer, outcome) => counts.push(`${layer} ${outcome}`) });
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

test('what one instance keeps another one finds, and then knows itself', async () => {
  const { open, counts } = setUp();
  const [one, two] = [open(), open()];
  one.keep(7, LAMP);
  expect(two.near(7)).toBeUndefined();
  expect(await two.far(7)).toEqual(LAMP);
  expect([one.near(7), two.near(7)]).toEqual([LAMP, LAMP]);
  expect(await two.far(8)).toBeUndefined();
  expect(counts).toEqual(['process miss', 'redis hit', 'process hit', 'process hit', 'redis miss']);
});

test('products are kept for minutes, unknown skus for two seconds, and not all for the same time', async () => {
  const { clock, open, texts } = setUp();
  const cache = open(() => 0.5);
  cache.keep(7, LAMP);
  cache.keep(8, UNKNOWN);
  expect([...texts.values()].map(({ ttlMs }) => ttlMs)).toEqual([270_000, 1_800]);
  expect(await open().far(8)).toBe(UNKNOWN);
  await clock.advance(1_900);
  expect([cache.near(7), cache.near(8)]).toEqual([LAMP, undefined]);
  await clock.advance(58_100);
  expect(cache.near(7)).toBeUndefined();
});

const STRANGE: Record<string, string> = {
  'no JSON': '{"name"',
  'no object': '7',
  nothing: 'null',
  'a name of 501 characters': JSON.stringify({ name: 'x'.repeat(501), price: 1 }),
  'a name with U+0000': JSON.stringify({ name: 'a\0', price: 1 }),
  'no name': JSON.stringify({ price: 1 }),
  'a price beyond the bounds': JSON.stringify({ name: 'a', price: 2 ** 32 }),
  'a price as text': JSON.stringify({ name: 'a', price: '1' }),
};
for (const [what, text] of Object.entries(STRANGE)) {
  test(`${what} in the shared cache counts as an error and is a miss`, async () => {
    const { open, texts, counts } = setUp();
    texts.set(KEY, { text, ttlMs: 1 });
    expect(await open().far(7)).toBeUndefined();
    expect(counts).toEqual(['redis error']);
  });
}

test('a product for nothing is one', async () => {
  const { open, texts } = setUp();
  texts.set(KEY, { text: JSON.stringify({ name: 'a gift', price: 0 }), ttlMs: 1 });
  expect(await open().far(7)).toEqual({ name: 'a gift', price: 0 });
});

test('only name and price come out of it', async () => {
  const { open, texts } = setUp();
  texts.set(KEY, { text: JSON.stringify({ ...LAMP, sku: 9 }), ttlMs: 1 });
  expect(await open().far(7)).toEqual(LAMP);
});

test('shards that are away are a miss, and what is kept stays in the process', async () => {
  const { open, goAway, counts } = setUp();
  goAway();
  const cache = open();
  expect(await cache.far(7)).toBeUndefined();
  cache.keep(7, LAMP);
  await Promise.resolve();
  expect(cache.near(7)).toEqual(LAMP);
  expect(counts).toEqual(['redis error', 'redis error', 'process hit']);
});
