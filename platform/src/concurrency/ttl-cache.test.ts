import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { createTtlCache } from './ttl-cache.ts';

for (const [random, ttlMs] of [
  [0, 1000],
  [0.5, 900],
  [1, 800],
] as const) {
  test(`an entry for 1000 ms expires after ${ttlMs} ms when the random number is ${random}`, async () => {
    const clock = createFakeClock();
    const cache = createTtlCache<string, number>({ clock, random: () => random }, 10);
    cache.set('a', 1, 1000);
    await clock.advance(ttlMs);
    expect(cache.get('a')).toBe(1);
    await clock.advance(1);
    expect(cache.get('a')).toBeUndefined();
  });
}

test('above its bound the cache drops the entry that was used least recently', () => {
  const cache = createTtlCache<string, number>({ clock: createFakeClock(), random: () => 0 }, 2);
  cache.set('a', 1, 1000);
  cache.set('b', 2, 1000);
  cache.get('a');
  cache.set('c', 3, 1000);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
  cache.set('a', 4, 1000);
  cache.set('d', 5, 1000);
  expect([cache.get('a'), cache.get('c'), cache.get('d')]).toEqual([4, undefined, 5]);
});

test('an entry that is set again has its new value and its whole time', async () => {
  const clock = createFakeClock();
  const cache = createTtlCache<string, number>({ clock, random: () => 0 }, 2);
  cache.set('a', 1, 1000);
  await clock.advance(900);
  cache.set('a', 2, 1000);
  await clock.advance(900);
  expect(cache.get('a')).toBe(2);
});
