import { expect, test } from 'bun:test';

import { retryPauseMs } from './limits.ts';

test('the pause after a failure doubles from 100 ms to 5 s', () => {
  const pauses = [1, 2, 3, 6, 7, 8, 1_000_000].map((failures) => retryPauseMs(failures, () => 1));
  expect(pauses).toEqual([100, 200, 400, 3_200, 5_000, 5_000, 5_000]);
});

test('the pause is shortened at random by up to a half', () => {
  expect([0, 0.5, 1].map((random) => retryPauseMs(2, () => random))).toEqual([100, 150, 200]);
});
