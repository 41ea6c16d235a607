import { expect, test } from 'bun:test';

import { createWorkerPool } from '@tally/platform/concurrency';
import type { AppError } from '@tally/platform/errors';

import { USER, line } from '../testing/fixtures.ts';
import { createProductWorld } from '../testing/product-world.ts';
import { list } from './list.ts';

test('a List of more uncached skus than can be looked up in its time gets further with each retry', async () => {
  const { clock, sent, products } = createProductWorld();
  const stored = Array.from({ length: 100 }, (_, i) => line(i + 1, 1));
  const store = { findLines: async () => stored, update: async () => undefined as never };
  const pool = createWorkerPool({ workers: 64, maxQueued: 100 });
  const listOnce = async () => {
    const call = { signal: new AbortController().signal, deadlineMs: clock.nowMs() + 5000 };
    const answer = list({ store, products, pool, clock }, { userId: USER, token: undefined }, call).catch(
      (error: unknown) => error as AppError,
    );
    await clock.advance(5000);
    return answer;
  };
  const { reason, retryAfterMs } = (await listOnce()) as AppError;
  expect([reason, retryAfterMs]).toEqual(['PRODUCT_LIMIT', 50]);
  expect(sent).toHaveLength(49);
  await listOnce();
  expect(await listOnce()).toMatchObject({ total: 10_000n });
  expect(sent).toHaveLength(100);
  expect(new Set(sent.map(({ sku }) => sku)).size).toBe(100);
});

test('a List whose look-ups do not fit into the queue is refused with POOL_FULL, and looks nothing up', async () => {
  const { clock, sent, products } = createProductWorld();
  const stored = [1, 2, 3].map((sku) => line(sku, 1));
  const store = { findLines: async () => stored, update: async () => undefined as never };
  const pool = createWorkerPool({ workers: 1, maxQueued: 1 });
  const call = { signal: new AbortController().signal, deadlineMs: clock.nowMs() + 5000 };
  const listed = list({ store, products, pool, clock }, { userId: USER, token: undefined }, call);
  const { kind, reason, retryAfterMs } = (await listed.catch((error: unknown) => error)) as AppError;
  expect([kind, reason, retryAfterMs]).toEqual(['resource-exhausted', 'POOL_FULL', 1000]);
  expect(sent).toEqual([]);
});
