import { type Db, type Transaction, failureOf } from '@tally/platform/postgres';

import { applyChanges } from '../gen/apply.queries.ts';
import { deleteOldKeys, findDueOrders } from '../gen/expiry.queries.ts';
import { drawIds, findKeys, findKnown, lockOrders, lockStocks } from '../gen/load.queries.ts';
import { findOrder, findStock } from '../gen/reads.queries.ts';
import type { Order, OrderCause, OrderLine, OrderStatus, Refusal } from '../orders/order.ts';
import type { Movement } from '../orders/stock.ts';
import { type Changes, type Loaded, type Store, UpdateError, type UpdateFailure, type Wanted } from './store.ts';

/**
 * Two round trips for a batch: one flush that begins, locks and loads, and one that writes and commits.
 *
 * Locks are taken in the order orders by id, stocks by sku. That order holds wherever both are locked.
 */
export function createPostgresStore(db: Db): Store {
  return {
    async update(wanted, decide) {
      try {
        await db.transaction(async (tx) => {
          const changes = decide(await load(tx, wanted));
          if (isEmpty(changes)) return;
          tx.sendWithCommit(applyChanges.run(toParameters(changes), tx));
        });
      } catch (error) {
        throw new UpdateError(FAILURES[failureOf(error)], error);
      }
    },
    async findOrder(id, timeoutMs) {
      const [row] = await findOrder.run({ id }, db.within(timeoutMs));
      if (row === undefined) return undefined;
      const lines = row.skus.map((sku, i) => ({
        sku: Number(sku),
        count: row.counts[i] ?? 0,
        name: row.names[i] ?? '',
        price: Number(row.prices[i]),
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

const FAILURES: Record<ReturnType<typeof failureOf>, UpdateFailure> = {
  conflict: 'conflict',
  timeout: 'timeout',
  lost: 'lost',
  data: 'culprit',
  bug: 'culprit',
};

async function load(tx: Transaction, wanted: Wanted): Promise<Loaded> {
  const { orderIds, skus, requestIds, keys, newOrders } = wanted;
  const keyParameters = { userIds: keys.map(({ userId }) => userId), keys: keys.map(({ key }) => key) };
  // Started together, so they leave in one flush; the server runs them one after another.
  const [orders, stocks, storedKeys, known, drawn] = await Promise.all([
    orderIds.length === 0 ? [] : lockOrders.run({ ids: [...orderIds] }, tx),
    lockStocks.run({ skus: skus.map(BigInt), orderIds: [...orderIds] }, tx),
    keys.length === 0 ? [] : findKeys.run(keyParameters, tx),
    keys.length + requestIds.length === 0 ? [] : findKnown.run({ ...keyParameters, requestIds: [...requestIds] }, tx),
    drawIds.run({ count: newOrders }, tx),
  ]);
  const [{ moment, ids }] = drawn as [(typeof drawn)[number]];
  return {
    moment,
    orderIds: ids,
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

interface OrderRow {
  id: bigint;
  user_id: bigint;
  status: OrderStatus;
  cause: OrderCause | null;
  request_id: string;
  refusal: unknown;
  pay_before: Date;
  version: number;
  skus: bigint[];
  counts: number[];
}

function toOrder(row: OrderRow): Order {
  return {
    id: row.id,
    userId: row.user_id,
    status: row.status,
    cause: row.cause,
    requestId: row.request_id,
    refusal: row.refusal as Refusal | null,
    payBefore: row.pay_before,
    version: row.version,
    // Names and prices decide nothing, so they are not loaded.
    lines: row.skus.map((sku, i): OrderLine => ({ sku: Number(sku), count: row.counts[i] ?? 0, name: '', price: 0 })),
  };
}

const isEmpty = ({ created, changed, keys }: Changes) => created.length + changed.length + keys.length === 0;

function toParameters({ moment, created, changed, movements, events, keys }: Changes) {
  const lines = created.flatMap(({ id, lines: ofOrder }) => ofOrder.map((line) => ({ id, ...line })));
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
    lineOrderIds: lines.map(({ id }) => id),
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

/** One delta for each sku: an UPDATE that joins a row twice would take only one of them. */
function sumBySku(movements: readonly Movement[]): Map<number, { total: bigint; reserved: bigint }> {
  const sums = new Map<number, { total: bigint; reserved: bigint }>();
  for (const { sku, total, reserved } of movements) {
    const sum = sums.get(sku) ?? { total: 0n, reserved: 0n };
    sums.set(sku, { total: sum.total + total, reserved: sum.reserved + reserved });
  }
  return sums;
}
