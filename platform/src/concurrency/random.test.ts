import { expect, test } from 'bun:test';

import { createRandom } from './random.ts';

const take = (seed: number, count: number) => {
  const random = createRandom(seed);
  return Array.from({ length: count }, random);
};

test('the same seed gives the same sequence, another seed another one', () => {
  expect(take(7, 100)).toEqual(take(7, 100));
  expect(take(7, 100)).not.toEqual(take(8, 100));
});

test('numbers are spread evenly from 0 to 1', () => {
  const tenths = Map.groupBy(take(1, 10_000), (number) => Math.floor(number * 10));
  expect([...tenths.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const numbers of tenths.values()) expect(Math.abs(numbers.length - 1000)).toBeLessThan(120);
});
