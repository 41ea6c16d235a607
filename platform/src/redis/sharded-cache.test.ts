import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { RedisAwayError } from './client.ts';
import { createShardedCache } from './sharded-cache.ts';

interface TestShard {
  readonly address: string;
  isAway: boolean;
  asked: number;
  readonly texts: Map<string, string>;
  readonly lives: string[];
  send(...command: readonly string[]): Promise<unknown>;
}

/** A cache of two shards in memory, each of which can be made unreachable. */
function setUp() {
  const clock = createFakeClock();
  const shards = ['a:1', 'b:2'].map((address) => ({
    address,
    isAway: false,
    asked: 0,
    texts: new Map<string, string>(),
    lives: [] as string[],
    async send(name: string, key = '', value = '', ...life: readonly string[]): Promise<unknown> {
      this.asked += 1;
      if (this.isAway) throw new RedisAwayError('away');
      if (name === 'SET') {
        this.texts.set(key, value);
        this.lives.push(life.join(' '));
      }
      return this.texts.get(key) ?? null;
    },
  })) as [TestShard, TestShard];
  const cache = createShardedCache({ clock, shards });
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  const get = (key: string) => cache.get(key).catch((error: unknown) => (error as Error).name);
  return { clock, shards, cache, keys, get };
}

test('each key is stored on one shard and found there', async () => {
  const { shards, cache, keys, get } = setUp();
  for (const key of keys) await cache.set(key, `of ${key}`, 1000);
  expect(shards[0].texts.size + shards[1].texts.size).toBe(100);
  expect(shards[0].texts.size).toBeWithin(35, 66);
  expect(await Promise.all(keys.map(get))).toEqual(keys.map((key) => `of ${key}`));
  expect(await get('unknown')).toBeUndefined();
});

test('a value expires after its time to live, in whole milliseconds and at least one', async () => {
  const { shards, cache } = setUp();
  for (const ttlMs of [1000, 270_000.4, 0.2]) await cache.set('k', 'v', ttlMs);
  expect([...shards[0].lives, ...shards[1].lives]).toEqual(['PX 1000', 'PX 270000', 'PX 1']);
});

test('while a shard is away only its own keys are missing, and it soon gets one command a second', async () => {
  const { clock, shards, cache, keys, get } = setUp();
  for (const key of keys) await cache.set(key, key, 1000);
  const [gone, left] = shards;
  gone.isAway = true;
  gone.asked = 0;
  for (let round = 0; round < 10; round += 1) {
    for (const key of keys) expect(await get(key)).toBe(left.texts.has(key) ? key : 'RedisAwayError');
  }
  expect(gone.asked).toBe(3);
  await clock.advance(1000);
  for (const key of keys) await get(key);
  expect(gone.asked).toBe(4);
  gone.isAway = false;
  await clock.advance(1000);
  for (const key of keys) expect(await get(key)).toBe(key);
});

test('an error that a shard answers does not count as a failure of the shard', async () => {
  const { shards, cache } = setUp();
  for (const shard of shards) shard.send = () => Promise.reject(new Error('OOM'));
  for (let i = 0; i < 10; i += 1) await expect(cache.get(`k${i}`)).rejects.toThrow('OOM');
});
