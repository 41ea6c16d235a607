import { expect, test } from 'bun:test';

import { createRendezvous } from './rendezvous.ts';

const KEYS = Array.from({ length: 30_000 }, (_, i) => `key:${i + 1}`);
const NAMES = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379'];
const placesOf = (names: readonly string[]) => {
  const place = createRendezvous(names);
  return KEYS.map((key) => names[place(key)]);
};

test('each node gets an equal share of the keys', () => {
  for (const names of [NAMES.slice(0, 2), NAMES, ['127.0.0.1:16399', '127.0.0.1:16400']]) {
    const places = placesOf(names);
    for (const name of names) {
      const share = places.filter((place) => place === name).length / KEYS.length;
      expect(Math.abs(share - 1 / names.length)).toBeLessThan(0.015);
    }
  }
});

test('the keys of a removed node are spread evenly over the others, and no other key moves', () => {
  const before = placesOf(NAMES);
  const after = placesOf(NAMES.slice(0, 2));
  const orphans = before.flatMap((place, i) => (place === NAMES[2] ? [after[i]] : []));
  expect(before.every((place, i) => place === NAMES[2] || place === after[i])).toBe(true);
  const share = orphans.filter((place) => place === NAMES[0]).length / orphans.length;
  expect(Math.abs(share - 1 / 2)).toBeLessThan(0.02);
});

test('the order of the names does not matter', () => {
  expect(placesOf(NAMES.toReversed())).toEqual(placesOf(NAMES));
});

test('the choice never changes, so that the next version finds what this one stored', () => {
  const place = createRendezvous(NAMES);
  expect([1, 2, 3, 4, 5, 6, 7, 8].map((n) => place(`product:${n}`))).toMatchInlineSnapshot(`
    [
      1,
      2,
      1,
      0,
      0,
      1,
      1,
      2,
    ]
  `);
});
