import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/fake-clock.ts';
import { createTtlCache } from './ttl-cache.ts';

test('an entry lives for its time, less up to a fifth', async () => {
  for (const [random, livesMs] of [
    [0, 1000],
    [1, 800],
  ] as const) {
    const clock = createFakeClock();
    const cache = createTtlCache<string, number>({ clock, random: () => random }, 10);
    cache.set('a', 1, 1000);
    await clock.advance(livesMs - 1);
    expect(cache.get('a')).toBe(1);
    await clock.advance(1);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.size).toBe(0);
  }
});

test('past its bound it forgets what was used longest ago', () => {
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

test('what is set again has its new value and its whole time', async () => {
  const clock = createFakeClock();
  const cache = createTtlCache<string, number>({ clock, random: () => 0 }, 2);
  cache.set('a', 1, 1000);
  cache.set('b', 2, 1000);
  await clock.advance(900);
  cache.set('a', 3, 1000);
  await clock.advance(900);
  expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([3, undefined, 1]);
});
