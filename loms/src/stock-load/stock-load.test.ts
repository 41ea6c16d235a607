import { describe, expect, test } from 'bun:test';

import { createFakeClock } from '@tally/platform/testing';

import { UpdateError, type UpdateFailure } from '../store/store.ts';
import {
  type LoadedSku,
  MAX_CHUNK_SKUS,
  type LockedStock,
  type StockEntry,
  StockLoadError,
  type StockLoadStore,
  decideLoad,
  loadStock,
} from './stock-load.ts';

const NEW_STOCK: LockedStock = { total: 0n, held: 0n, reserved: 0n, isNew: true };
const entry = (sku: number, total: bigint, held = 0n): StockEntry => ({ sku, total, held });
const entries = (count: number) => Array.from({ length: count }, (_, i) => entry(i + 1, 1n));

describe('loading an entry', () => {
  const known: LockedStock = { total: 10n, held: 2n, reserved: 4n, isNew: false };
  type Movement = { kind: 'receipt' | 'adjust'; total: bigint; held: bigint };
  type Row = [name: string, StockEntry, LockedStock, LoadedSku['outcome'], Movement | undefined];
  const table: Row[] = [
    ['of a new sku', entry(1, 5n, 1n), NEW_STOCK, 'received', { kind: 'receipt', total: 5n, held: 1n }],
    ['of 0 units of a new sku', entry(1, 0n), NEW_STOCK, 'received', { kind: 'receipt', total: 0n, held: 0n }],
    ['that changes nothing', entry(1, 10n, 2n), known, 'unchanged', undefined],
    ['with more units', entry(1, 15n, 2n), known, 'adjusted', { kind: 'adjust', total: 5n, held: 0n }],
    ['with fewer held units', entry(1, 10n, 0n), known, 'adjusted', { kind: 'adjust', total: 0n, held: -2n }],
    ['of exactly the reserved units', entry(1, 4n, 2n), known, 'adjusted', { kind: 'adjust', total: -6n, held: 0n }],
    ['of fewer than the reserved units', entry(1, 3n, 2n), known, 'refused', undefined],
  ];
  for (const [name, asked, before, outcome, movement] of table) {
    test(`${name}: ${outcome}`, () => {
      expect(decideLoad(asked, before)).toEqual({
        outcome,
        entry: asked,
        before,
        movement: movement && { sku: 1, ...movement },
      });
    });
  }

  test('of a sku that was not locked is a bug', () => {
    expect(() => decideLoad(entry(1, 1n), undefined)).toThrow('sku 1 was not locked');
  });
});

/** A store in memory whose first updates fail. */
function setUp(failures: UpdateFailure[] = []) {
  const clock = createFakeClock();
  const stocks = new Map<number, LockedStock>();
  const chunks: number[][] = [];
  const store: Pick<StockLoadStore, 'update'> = {
    async update(skus, decide) {
      chunks.push([...skus]);
      const failure = failures.shift();
      if (failure !== undefined) throw new UpdateError(failure, new Error('a test'));
      const locked = new Map(skus.map((sku) => [sku, stocks.get(sku) ?? NEW_STOCK]));
      const { changes, answer } = decide(locked);
      for (const { sku, total, held } of changes) {
        const before = locked.get(sku) ?? NEW_STOCK;
        stocks.set(sku, { ...before, total: before.total + total, held: before.held + held, isNew: false });
      }
      return answer;
    },
  };
  return { clock, store, stocks, chunks };
}

/** Resolves with the StockLoadError that the load fails with. */
async function failureOf(load: Promise<unknown>): Promise<StockLoadError> {
  const failure = await load.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof StockLoadError) return failure;
  throw new Error('expected a StockLoadError', { cause: failure });
}

test('chunks ascend by sku, whatever the order of the entries', async () => {
  const { clock, store, chunks } = setUp();
  expect(await loadStock({ clock, store }, entries(MAX_CHUNK_SKUS + 2).toReversed())).toHaveLength(MAX_CHUNK_SKUS + 2);
  expect(chunks.map(({ length }) => length)).toEqual([MAX_CHUNK_SKUS, 2]);
  expect(chunks.flat()).toEqual(chunks.flat().toSorted((a, b) => a - b));
});

test('a conflict, a timeout and a lost connection are retried', async () => {
  const { clock, store, chunks } = setUp(['conflict', 'timeout', 'lost']);
  const loading = loadStock({ clock, store }, [entry(1, 5n)]);
  await clock.advance(10_000);
  expect((await loading).map(({ outcome }) => outcome)).toEqual(['received']);
  expect(chunks).toHaveLength(4);
});

test('the eighth failure in a row ends the load', async () => {
  const { clock, store, chunks } = setUp(Array.from({ length: 8 }, () => 'lost'));
  const failure = failureOf(loadStock({ clock, store }, [entry(1, 5n)]));
  await clock.advance(60_000);
  expect((await failure).loaded).toEqual([]);
  expect(chunks).toHaveLength(8);
});

test('data that cannot be stored is not retried, and the failure lists what was loaded before', async () => {
  const { clock, store, chunks } = setUp();
  const failing: typeof store = {
    update: (skus, decide) =>
      chunks.length === 0
        ? store.update(skus, decide)
        : Promise.reject(new UpdateError('culprit', new Error('a test'))),
  };
  const failure = await failureOf(loadStock({ clock, store: failing }, entries(MAX_CHUNK_SKUS + 1)));
  expect(failure.loaded).toHaveLength(MAX_CHUNK_SKUS);
  expect(failure.message).toBe('stock loading stopped after 500 skus');
});

test('an aborted signal stops the load before the next chunk', async () => {
  const { clock, store, chunks } = setUp();
  await failureOf(loadStock({ clock, store }, [entry(1, 1n)], AbortSignal.abort()));
  expect(chunks).toEqual([]);
});
