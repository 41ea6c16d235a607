import type { Db } from '@tally/platform/postgres';

import { lockStocks } from '../gen/load.queries.ts';
import { addStocks, hasStocks, moveStocks } from '../gen/stock-load.queries.ts';
import { toUpdateError } from '../store/store-postgres.ts';
import type { LoadMovement, LockedStock, StockLoadStore } from './stock-load.ts';

/** Creates the store of stock loading. An update takes two round trips, as a batch of orders does. */
export function createPostgresStockLoadStore(db: Db): StockLoadStore {
  return {
    async update(skus, decide) {
      const parameters = skus.map(BigInt);
      try {
        return await db.transaction(async (tx) => {
          const [added, stocks] = await Promise.all([
            addStocks.run({ skus: parameters }, tx),
            lockStocks.run({ skus: parameters, orderIds: [] }, tx),
          ]);
          const newSkus = new Set(added.map(({ sku }) => sku));
          const lockedStocks = stocks.map(({ sku, ...stock }): [number, LockedStock] => [
            Number(sku),
            { ...stock, isNew: newSkus.has(sku) },
          ]);
          const { changes, answer } = decide(new Map(lockedStocks));
          if (changes.length > 0) tx.sendWithCommit(moveStocks.run(toParameters(changes), tx));
          return answer;
        });
      } catch (error) {
        throw toUpdateError(error);
      }
    },
    async hasStocks() {
      const [row] = await hasStocks.run(undefined, db);
      if (row === undefined) throw new Error('hasStocks returned no row');
      return row.hasStocks;
    },
  };
}

const toParameters = (movements: readonly LoadMovement[]) => ({
  skus: movements.map(({ sku }) => BigInt(sku)),
  kinds: movements.map(({ kind }) => kind),
  totalDeltas: movements.map(({ total }) => total),
  heldDeltas: movements.map(({ held }) => held),
});
