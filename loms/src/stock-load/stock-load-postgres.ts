import { type Db, failureOf } from '@tally/platform/postgres';

import { lockStocks } from '../gen/load.queries.ts';
import { addStocks, hasStocks, moveStocks } from '../gen/stock-load.queries.ts';
import type { Shelf, StockLoadStore } from './stock-load.ts';
import { UpdateError } from '../store/store.ts';

/** Two round trips, like a batch of orders: one that locks and loads, one that writes and commits. */
export function createPostgresStockLoadStore(db: Db): StockLoadStore {
  return {
    async update(skus, decide) {
      try {
        await db.transaction(async (tx) => {
          const wanted = skus.map(BigInt);
          const [added, stocks] = await Promise.all([
            addStocks.run({ skus: wanted }, tx),
            lockStocks.run({ skus: wanted, orderIds: [] }, tx),
          ]);
          const isNew = new Set(added.map(({ sku }) => sku));
          const shelves = stocks.map(({ sku, ...stock }): [number, Shelf] => [
            Number(sku),
            { ...stock, isNew: isNew.has(sku) },
          ]);
          const movements = decide(new Map(shelves));
          if (movements.length === 0) return;
          const written = moveStocks.run(
            {
              skus: movements.map(({ sku }) => BigInt(sku)),
              kinds: movements.map(({ kind }) => kind),
              totalDeltas: movements.map(({ total }) => total),
              heldDeltas: movements.map(({ held }) => held),
            },
            tx,
          );
          tx.sendWithCommit(written);
        });
      } catch (error) {
        const failure = failureOf(error);
        throw new UpdateError(failure === 'data' || failure === 'bug' ? 'culprit' : failure, error);
      }
    },
    async hasStocks() {
      const [row] = await hasStocks.run(undefined, db);
      return row?.hasStocks ?? false;
    },
  };
}
