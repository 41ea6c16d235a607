import { expect, test } from 'bun:test';

import { startAge } from './clock.ts';

test('an age is the larger of two measurements: one clock may be set back, the other may stand still', () => {
  const now = { nowMs: 1_000_000, monotonicMs: 5 };
  const age = startAge({ nowMs: () => now.nowMs, monotonicMs: () => now.monotonicMs });
  now.nowMs -= 3_600_000;
  now.monotonicMs += 7_000;
  expect(age()).toBe(7_000);
  now.nowMs += 3_600_000 + 60_000;
  expect(age()).toBe(60_000);
});
