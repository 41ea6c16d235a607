import { type Clock, sleep } from '@tally/platform/concurrency';

import type { Stock } from '../orders/stock.ts';
import { UpdateError } from '../store/store.ts';

/** What there shall be of a sku from now on, whatever there was. */
export interface StockEntry {
  readonly sku: number;
  readonly total: bigint;
  /** Reserved outside this system; may exceed the total. */
  readonly held: bigint;
}

/** A sku's counters under its lock. One that was not known has a new shelf, with nothing in it. */
export interface Shelf extends Stock {
  readonly isNew: boolean;
}

/** A line of the ledger that no order wrote. */
export interface LoadMovement {
  readonly sku: number;
  readonly kind: 'receipt' | 'adjust';
  readonly total: bigint;
  readonly held: bigint;
}

/** What became of an entry. A refused one left its sku as it was. */
export interface LoadedSku {
  readonly outcome: 'received' | 'adjusted' | 'unchanged' | 'refused';
  readonly entry: StockEntry;
  readonly before: Shelf;
  readonly movement: LoadMovement | undefined;
}

export interface StockLoadStore {
  /**
   * Locks the skus in their order, and adds those that are new. Writes what `decide` returns, all or nothing. Rejects with
   * UpdateError; running it again is always safe, because an entry says what there shall be.
   */
  update(
    skus: readonly number[],
    decide: (shelves: ReadonlyMap<number, Shelf>) => readonly LoadMovement[],
  ): Promise<void>;
  hasStocks(): Promise<boolean>;
}

export interface StockLoadDeps {
  readonly store: StockLoadStore;
  readonly clock: Clock;
}

/** Skus of one transaction: few enough that orders of them wait for milliseconds. */
export const MAX_CHUNK_SKUS = 500;
const MAX_TRIES = 8;
const FIRST_PAUSE_MS = 50;

/** Part of a load was written; the rest was not. Loading the same entries again is safe. */
export class StockLoadError extends Error {
  override readonly name = 'StockLoadError';
  readonly loaded: readonly LoadedSku[];

  constructor(loaded: readonly LoadedSku[], cause: unknown) {
    super(`stock loading stopped behind ${loaded.length} skus`, { cause });
    this.loaded = loaded;
  }
}

/** Sets total and held of each sku, in sku order and in chunks. Each sku may stand in `entries` once. */
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

/** An order that holds a lock, a deadlock or a lost connection is no reason to give up. */
async function loadChunk(
  { store, clock }: StockLoadDeps,
  entries: readonly StockEntry[],
  signal: AbortSignal | undefined,
): Promise<LoadedSku[]> {
  for (let tries = 1; ; tries += 1) {
    let decided: LoadedSku[] = [];
    try {
      await store.update(
        entries.map(({ sku }) => sku),
        (shelves) => {
          decided = entries.map((entry) => decideLoad(entry, shelves.get(entry.sku)));
          return decided.flatMap(({ movement }) => movement ?? []);
        },
      );
      return decided;
    } catch (error) {
      if (!(error instanceof UpdateError) || error.failure === 'culprit' || tries === MAX_TRIES) throw error;
      await sleep(clock, FIRST_PAUSE_MS * 2 ** (tries - 1), signal);
    }
  }
}

/** The first load of a sku is a receipt, a later one an adjustment. What orders have reserved must stay covered. */
export function decideLoad(entry: StockEntry, before: Shelf | undefined): LoadedSku {
  if (before === undefined) throw new Error(`sku ${entry.sku} was not locked`);
  if (entry.total < before.reserved) return { outcome: 'refused', entry, before, movement: undefined };
  const total = entry.total - before.total;
  const held = entry.held - before.held;
  if (before.isNew)
    return { outcome: 'received', entry, before, movement: { sku: entry.sku, kind: 'receipt', total, held } };
  if (total === 0n && held === 0n) return { outcome: 'unchanged', entry, before, movement: undefined };
  return { outcome: 'adjusted', entry, before, movement: { sku: entry.sku, kind: 'adjust', total, held } };
}
