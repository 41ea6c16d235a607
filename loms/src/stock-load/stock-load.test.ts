import { describe, expect, test } from 'bun:test';

import { createFakeClock } from '@tally/platform/testing';

import {
  type LoadMovement,
  MAX_CHUNK_SKUS,
  type Shelf,
  type StockEntry,
  StockLoadError,
  type StockLoadStore,
  decideLoad,
  loadStock,
} from './stock-load.ts';
import { UpdateError, type UpdateFailure } from '../store/store.ts';

const entry = (sku: number, total: bigint, held = 0n): StockEntry => ({ sku, total, held });
const shelf = (more: Partial<Shelf> = {}): Shelf => ({ total: 10n, held: 2n, reserved: 4n, isNew: false, ...more });

describe('what becomes of an entry', () => {
  const cases: readonly (readonly [string, StockEntry, Shelf, string, readonly [bigint, bigint] | undefined])[] = [
    ['new', entry(1, 5n, 1n), shelf({ total: 0n, held: 0n, reserved: 0n, isNew: true }), 'received', [5n, 1n]],
    ['new, of nothing', entry(1, 0n), shelf({ total: 0n, held: 0n, reserved: 0n, isNew: true }), 'received', [0n, 0n]],
    ['the same', entry(1, 10n, 2n), shelf(), 'unchanged', undefined],
    ['more', entry(1, 15n, 2n), shelf(), 'adjusted', [5n, 0n]],
    ['less held', entry(1, 10n, 0n), shelf(), 'adjusted', [0n, -2n]],
    ['just what is reserved', entry(1, 4n, 2n), shelf(), 'adjusted', [-6n, 0n]],
    ['less than what is reserved', entry(1, 3n, 2n), shelf(), 'refused', undefined],
  ];
  for (const [name, asked, before, outcome, deltas] of cases) {
    test(`${name}: ${outcome}`, () => {
      const loaded = decideLoad(asked, before);
      const { movement } = loaded;
      expect(loaded.outcome).toBe(outcome as typeof loaded.outcome);
      expect(movement && [movement.total, movement.held]).toEqual(deltas as [bigint, bigint]);
    });
  }

  test('a sku that was not locked is a bug', () => {
    expect(() => decideLoad(entry(1, 1n), undefined)).toThrow('was not locked');
  });
});

/** Shelves in memory, with failures to come. */
function setUp(failures: UpdateFailure[] = []) {
  const clock = createFakeClock();
  const shelves = new Map<number, Shelf>();
  const chunks: number[][] = [];
  const store: StockLoadStore = {
    async update(skus, decide) {
      chunks.push([...skus]);
      const failure = failures.shift();
      if (failure !== undefined) throw new UpdateError(failure, new Error('told to fail'));
      const empty = { total: 0n, held: 0n, reserved: 0n, isNew: true };
      const locked = new Map(skus.map((sku) => [sku, shelves.get(sku) ?? empty]));
      for (const { sku, total, held } of decide(locked) as LoadMovement[]) {
        const before = locked.get(sku) ?? empty;
        shelves.set(sku, { ...before, total: before.total + total, held: before.held + held, isNew: false });
      }
    },
    hasStocks: async () => shelves.size > 0,
  };
  return { clock, store, shelves, chunks };
}

test('chunks come in the order of the skus, whatever the order of the file', async () => {
  const { clock, store, chunks } = setUp();
  const entries = Array.from({ length: MAX_CHUNK_SKUS + 2 }, (_, i) => entry(10_000 - i, 1n));
  expect(await loadStock({ clock, store }, entries)).toHaveLength(MAX_CHUNK_SKUS + 2);
  expect(chunks.map(({ length }) => length)).toEqual([MAX_CHUNK_SKUS, 2]);
  expect(chunks.flat()).toEqual(chunks.flat().toSorted((a, b) => a - b));
});

test('a conflict, a timeout and a lost connection are tried again', async () => {
  const { clock, store, chunks } = setUp(['conflict', 'timeout', 'lost']);
  const loading = loadStock({ clock, store }, [entry(1, 5n)]);
  await clock.advance(10_000);
  expect((await loading).map(({ outcome }) => outcome)).toEqual(['received']);
  expect(chunks).toHaveLength(4);
});

test('a culprit is not tried again, and the failure tells what was loaded before', async () => {
  const { clock, store, shelves } = setUp();
  const dying = {
    ...store,
    update: (...args: Parameters<StockLoadStore['update']>) =>
      shelves.size === 0 ? store.update(...args) : Promise.reject(new UpdateError('culprit', new Error('no'))),
  };
  const entries = Array.from({ length: MAX_CHUNK_SKUS + 1 }, (_, i) => entry(i + 1, 1n));
  const failure = await loadStock({ clock, store: dying }, entries).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StockLoadError);
  expect((failure as StockLoadError).loaded).toHaveLength(MAX_CHUNK_SKUS);
});

test('a signal ends it between two chunks', async () => {
  const { clock, store } = setUp();
  const failure = await loadStock({ clock, store }, [entry(1, 1n)], AbortSignal.abort()).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(StockLoadError);
});
