import { type LoadedSku, type StockEntry, StockLoadError, loadStock } from '@tally/loms/stock-load';
import { createPostgresStockLoadStore } from '@tally/loms/stock-load-postgres';
import { systemClock } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { failureOf, openDb } from '@tally/platform/postgres';

import { requireDatabases } from '../verify/databases.ts';

export interface ApplyStockOptions {
  /** URL of the database of loms. */
  readonly databaseUrl: string;
  readonly entries: readonly StockEntry[];
  /** Whether a database that has any stock is left as it is. */
  readonly onlyIfEmpty?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Sets `total` and `held` of each entry's sku. Returns the outcome for each sku, or nothing if `onlyIfEmpty` is set and
 * the database has stock.
 */
export async function applyStock({
  databaseUrl,
  entries,
  onlyIfEmpty,
  signal,
}: ApplyStockOptions): Promise<LoadedSku[]> {
  await using db = openDb({ url: databaseUrl, applicationName: 'stock', maxConnections: 1 });
  const store = createPostgresStockLoadStore(db);
  await requireDatabases({ loms: databaseUrl }, { loms: db });
  try {
    if (onlyIfEmpty && (await store.hasStocks())) return [];
    return await loadStock({ store, clock: systemClock }, entries, signal);
  } catch (error) {
    throw explain(error, databaseUrl, entries.length);
  }
}

function explain(error: unknown, databaseUrl: string, entries: number): unknown {
  const cause = error instanceof StockLoadError && error.cause instanceof Error ? error.cause.cause : error;
  const failure = failureOf(cause);
  if (failure !== 'lost' && failure !== 'timeout') return error;
  const { host, pathname } = new URL(databaseUrl);
  const loaded = error instanceof StockLoadError ? error.loaded.length : 0;
  const what = `the database of loms (${host}${pathname}) does not answer`;
  const done = `${loaded} of ${entries} skus were loaded; loading the same file again is safe`;
  return new AppError('unavailable', `${what}. ${done}.`, { cause: error });
}
