import { expect, test } from 'bun:test';

import { createFakeClock } from '../testing/index.ts';
import { startKeyExpiry } from './idempotency-key-expiry.ts';

test('old keys are deleted every minute, and at once while a full batch was deleted', async () => {
  const clock = createFakeClock();
  const batches = [1_000, 1_000, 7, 0];
  const calls: number[][] = [];
  const store = {
    async deleteOldKeys(maxAgeMs: number, limit: number) {
      calls.push([maxAgeMs, limit]);
      return batches.shift() ?? 0;
    },
  };
  await using _ = startKeyExpiry({ clock, random: () => 0.5, onError: () => {}, store });
  await clock.advance(0);
  expect(calls).toEqual(Array.from({ length: 3 }, () => [86_400_000, 1_000]));
  await clock.advance(60_000);
  expect(calls).toHaveLength(4);
});
