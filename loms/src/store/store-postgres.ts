import { type Db, type PostgresFailure, type Transaction, failureOf } from '@tally/platform/postgres';

import { applyChanges } from '../gen/apply.queries.ts';
import { deleteOldKeys, findDueOrders } from '../gen/expiry.queries.ts';
import { type ILockOrdersResult, drawIds, findKeys, findKnown, lockOrders, lockStocks } from '../gen/load.queries.ts';
import { findOrder, findStock } from '../gen/reads.queries.ts';
import type { Changes, Loaded, Wanted } from '../orders/decision.ts';
import type { Order, StoredRefusal } from '../orders/order.ts';
import type { Movement } from '../orders/stock.ts';
import { type Store, UpdateError, type UpdateFailure } from './store.ts';

/**
 * Creates the store on PostgreSQL.
 *
 * An update takes two round trips: one that begins the transaction, locks and loads, and one that writes and commits.
 * It locks orders by id, and then stocks by sku. Every transaction that locks both must keep this order, because
 * otherwise two of them can deadlock.
 */
export function createPostgresStore(db: Db): Store {
  return {
    async update(wanted, decide) {
      try {
        return await db.transaction(async (tx) => {
          const { changes, answer } = decide(await load(tx, wanted));
          if (!isEmpty(changes)) tx.sendWithCommit(applyChanges.run(toParameters(changes), tx));
          return answer;
        });
      } catch (error) {
        throw toUpdateError(error);
      }
    },
    async findOrder(id, timeoutMs) {
      const [row] = await findOrder.run({ id }, db.within(timeoutMs));
      if (row === undefined) return undefined;
      const lines = row.skus.map((sku, i) => ({
        sku: Number(sku),
        count: elementAt(row.counts, i),
        name: elementAt(row.names, i),
        price: Number(elementAt(row.prices, i)),
      }));
      return { userId: row.user_id, status: row.status, lines };
    },
    async findStock(sku, timeoutMs) {
      const [row] = await findStock.run({ sku: BigInt(sku) }, db.within(timeoutMs));
      return row;
    },
    async findDueOrders(limit) {
      const rows = await findDueOrders.run({ limit }, db);
      return rows.map(({ id }) => id);
    },
    async deleteOldKeys(maxAgeMs, limit) {
      const { rowCount } = await deleteOldKeys.runWithCounts({ maxAgeSeconds: Math.ceil(maxAgeMs / 1000), limit }, db);
      return rowCount;
    },
  };
}

const FAILURES: Record<PostgresFailure, UpdateFailure> = {
  conflict: 'conflict',
  timeout: 'timeout',
  lost: 'lost',
  data: 'culprit',
  bug: 'culprit',
};

/** Returns the UpdateError for what a transaction threw, whether the database or the decision in it failed. */
export function toUpdateError(error: unknown): UpdateError {
  return new UpdateError(FAILURES[failureOf(error)], error);
}

async function load(tx: Transaction, wanted: Wanted): Promise<Loaded> {
  const { orderIds, skus, requestIds, keys, newOrders } = wanted;
  const keyParameters = { userIds: keys.map(({ userId }) => userId), keys: keys.map(({ key }) => key) };
  // The queries are started together, so they leave in one flush. The server runs them one after another, in the order
  // of this list.
  const [orders, stocks, storedKeys, known, [drawn]] = await Promise.all([
    orderIds.length === 0 ? [] : lockOrders.run({ ids: [...orderIds] }, tx),
    lockStocks.run({ skus: skus.map(BigInt), orderIds: [...orderIds] }, tx),
    keys.length === 0 ? [] : findKeys.run(keyParameters, tx),
    keys.length + requestIds.length === 0 ? [] : findKnown.run({ ...keyParameters, requestIds: [...requestIds] }, tx),
    drawIds.run({ count: newOrders }, tx),
  ]);
  if (drawn === undefined) throw new Error('drawIds returned no row');
  return {
    moment: drawn.moment,
    orderIds: drawn.ids,
    orders: orders.map(toOrder),
    stocks: new Map(stocks.map(({ sku, ...stock }) => [Number(sku), stock])),
    known: known.map(toOrder),
    keys: storedKeys.map((row) => ({
      userId: row.user_id,
      key: row.key,
      requestHash: row.request_hash,
      orderId: row.order_id,
    })),
  };
}

function toOrder(row: ILockOrdersResult): Order {
  return {
    id: row.id,
    userId: row.user_id,
    status: row.status,
    cause: row.cause,
    requestId: row.request_id,
    // Only loms writes this column, in the form of StoredRefusal.
    refusal: row.refusal as StoredRefusal | null,
    payBefore: row.pay_before,
    version: row.version,
    // Names and prices are not loaded, because no decision depends on them.
    lines: row.skus.map((sku, i) => ({ sku: Number(sku), count: elementAt(row.counts, i), name: '', price: 0 })),
  };
}

/** Returns an element of one of the parallel arrays in a row, all of which have the same length. */
function elementAt<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new Error(`a row has arrays of different lengths: one has no element ${index}`);
  return value;
}

const isEmpty = ({ created, changed, keys }: Changes) => created.length + changed.length + keys.length === 0;

function toParameters({ moment, created, changed, movements, events, keys }: Changes) {
  const lines = created.flatMap(({ id, lines: orderLines }) => orderLines.map((line) => ({ orderId: id, ...line })));
  const deltas = [...sumBySku(movements)];
  return {
    moment,
    movementSkus: movements.map(({ sku }) => BigInt(sku)),
    movementOrderIds: movements.map(({ orderId }) => orderId),
    movementKinds: movements.map(({ kind }) => kind),
    totalDeltas: movements.map(({ total }) => total),
    reservedDeltas: movements.map(({ reserved }) => reserved),
    stockSkus: deltas.map(([sku]) => BigInt(sku)),
    stockTotalDeltas: deltas.map(([, { total }]) => total),
    stockReservedDeltas: deltas.map(([, { reserved }]) => reserved),
    ids: created.map(({ id }) => id),
    userIds: created.map(({ userId }) => userId),
    statuses: created.map(({ status }) => status),
    causes: created.map(({ cause }) => cause ?? ''),
    requestIds: created.map(({ requestId }) => requestId),
    refusals: created.map(({ refusal }) => (refusal === null ? null : JSON.stringify(refusal))),
    payBefores: created.map(({ payBefore }) => payBefore),
    versions: created.map(({ version }) => version),
    lineOrderIds: lines.map(({ orderId }) => orderId),
    lineSkus: lines.map(({ sku }) => BigInt(sku)),
    lineCounts: lines.map(({ count }) => count),
    lineNames: lines.map(({ name }) => name),
    linePrices: lines.map(({ price }) => BigInt(price)),
    changedIds: changed.map(({ id }) => id),
    changedStatuses: changed.map(({ status }) => status),
    changedCauses: changed.map(({ cause }) => cause ?? ''),
    changedVersions: changed.map(({ version }) => version),
    keyUserIds: keys.map(({ userId }) => userId),
    keys: keys.map(({ key }) => key),
    keyHashes: keys.map(({ requestHash }) => requestHash),
    keyOrderIds: keys.map(({ orderId }) => orderId),
    eventOrderIds: events.map(({ orderId }) => orderId),
    eventVersions: events.map(({ version }) => version),
    eventStatuses: events.map(({ status }) => status),
    eventCauses: events.map(({ cause }) => cause ?? ''),
    eventTraceparents: events.map(({ traceparent }) => traceparent ?? ''),
  };
}

/** Returns one sum for each sku. An UPDATE that joins a row twice applies only one of the two deltas. */
function sumBySku(movements: readonly Movement[]): Map<number, { total: bigint; reserved: bigint }> {
  const sums = new Map<number, { total: bigint; reserved: bigint }>();
  for (const { sku, total, reserved } of movements) {
    const sum = sums.get(sku) ?? { total: 0n, reserved: 0n };
    sums.set(sku, { total: sum.total + total, reserved: sum.reserved + reserved });
  }
  return sums;
}
