import { type Clock, sleep } from '@tally/platform/concurrency';

import type { Stock } from '../orders/stock.ts';
import { UpdateError } from '../store/store.ts';

/** The stock that a sku is to have, whatever it has now. */
export interface StockEntry {
  readonly sku: number;
  readonly total: bigint;
  /** Units reserved outside this system. May exceed the total. */
  readonly held: bigint;
}

/** The counters of a sku under its lock. A sku that had no stock before gets counters of 0. */
export interface LockedStock extends Stock {
  readonly isNew: boolean;
}

/** An entry of the stock ledger that stock loading writes. */
export interface LoadMovement {
  readonly sku: number;
  readonly kind: 'receipt' | 'adjust';
  readonly total: bigint;
  readonly held: bigint;
}

/** What became of an entry. A refused one left the stock of its sku as it was. */
export interface LoadedSku {
  readonly outcome: 'received' | 'adjusted' | 'unchanged' | 'refused';
  readonly entry: StockEntry;
  readonly before: LockedStock;
  readonly movement: LoadMovement | undefined;
}

export interface StockLoadStore {
  /**
   * Adds the skus that have no stock, locks all of them ascending by sku, calls `decide`, and writes the movements that
   * it returns, all or nothing. Resolves with the decision's answer once they are committed.
   *
   * Rejects with UpdateError. Running the same update again is safe, because an entry says what the stock is to be.
   */
  update<A>(
    skus: readonly number[],
    decide: (lockedStocks: ReadonlyMap<number, LockedStock>) => {
      readonly changes: readonly LoadMovement[];
      readonly answer: A;
    },
  ): Promise<A>;
  hasStocks(): Promise<boolean>;
}

interface StockLoadDeps {
  readonly store: Pick<StockLoadStore, 'update'>;
  readonly clock: Clock;
}

/** Maximum number of skus in one transaction. Orders of these skus wait for it, a few milliseconds at this size. */
export const MAX_CHUNK_SKUS = 500;
const MAX_ATTEMPTS = 8;
const FIRST_PAUSE_MS = 50;

/** Stock loading stopped in the middle. Loading the same entries again is safe. */
export class StockLoadError extends Error {
  override readonly name = 'StockLoadError';
  /** What became of the entries before the stop. */
  readonly loaded: readonly LoadedSku[];

  constructor(loaded: readonly LoadedSku[], cause: unknown) {
    super(`stock loading stopped after ${loaded.length} skus`, { cause });
    this.loaded = loaded;
  }
}

/**
 * Sets the total and the held units of each sku, ascending by sku, in transactions of at most MAX_CHUNK_SKUS. A sku may
 * occur in `entries` once.
 *
 * Rejects with StockLoadError when a transaction fails for good, or when the signal aborts.
 */
export async function loadStock(
  { store, clock }: StockLoadDeps,
  entries: readonly StockEntry[],
  signal?: AbortSignal,
): Promise<LoadedSku[]> {
  const sorted = [...entries].sort((a, b) => a.sku - b.sku);
  const loaded: LoadedSku[] = [];
  for (let start = 0; start < sorted.length; start += MAX_CHUNK_SKUS) {
    try {
      signal?.throwIfAborted();
      loaded.push(...(await loadChunk({ store, clock }, sorted.slice(start, start + MAX_CHUNK_SKUS), signal)));
    } catch (error) {
      throw new StockLoadError(loaded, error);
    }
  }
  return loaded;
}

/** Loads one chunk in up to 8 attempts. A timeout, a conflict with an order or a lost connection allows another one. */
async function loadChunk(
  { store, clock }: StockLoadDeps,
  entries: readonly StockEntry[],
  signal: AbortSignal | undefined,
): Promise<LoadedSku[]> {
  const skus = entries.map(({ sku }) => sku);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.update(skus, (lockedStocks) => {
        const answer = entries.map((entry) => decideLoad(entry, lockedStocks.get(entry.sku)));
        return { changes: answer.flatMap(({ movement }) => movement ?? []), answer };
      });
    } catch (error) {
      if (!(error instanceof UpdateError) || error.failure === 'culprit' || attempt === MAX_ATTEMPTS) throw error;
      await sleep(clock, FIRST_PAUSE_MS * 2 ** (attempt - 1), signal);
    }
  }
}

/**
 * Refuses a total below what orders have reserved. Otherwise a new sku gets a receipt, and a known one gets an
 * adjustment when it changes.
 */
export function decideLoad(entry: StockEntry, before: LockedStock | undefined): LoadedSku {
  if (before === undefined) throw new Error(`sku ${entry.sku} was not locked`);
  const { sku } = entry;
  const total = entry.total - before.total;
  const held = entry.held - before.held;
  if (entry.total < before.reserved) return { outcome: 'refused', entry, before, movement: undefined };
  if (before.isNew) return { outcome: 'received', entry, before, movement: { sku, kind: 'receipt', total, held } };
  if (total === 0n && held === 0n) return { outcome: 'unchanged', entry, before, movement: undefined };
  return { outcome: 'adjusted', entry, before, movement: { sku, kind: 'adjust', total, held } };
}
