import { type Db, type Transaction, failureOf } from '@tally/platform/postgres';

import {
  findKnown,
  insertNotifications,
  insertUnreadable,
  lockOrders,
  releaseParked,
  reviveDead,
} from './gen/inbox.queries.ts';
import { listApplied } from './gen/list.queries.ts';
import type { OrderStatus } from './order-event.ts';
import { DataError, type InboxChanges, type Notification, type Store } from './store.ts';

// insertNotifications takes an empty status for none, and then ignores the moment.
const NO_MOMENT = new Date(0);

export function createPostgresStore(db: Db): Store {
  return {
    async update(orderIds, decide) {
      try {
        await db.transaction(async (tx) => {
          const changes = decide(await lockAndLoad(tx, orderIds));
          await write(tx, changes);
          changes.beforeCommit();
        });
      } catch (error) {
        throw failureOf(error) === 'data' ? new DataError('a value cannot be stored', { cause: error }) : error;
      }
    },
    async revive(orderId, decide) {
      await db.transaction(async (tx) => {
        const decided = decide(await lockAndLoad(tx, [orderId]));
        if (decided === undefined) return;
        const { version, state, status, moment } = decided.notification;
        await reviveDead.run({ orderId, version, state, status: status ?? '', moment: moment ?? NO_MOMENT }, tx);
        decided.beforeCommit();
      });
    },
    async list(orderId, timeoutMs) {
      return listApplied.run({ orderId }, db.within(timeoutMs));
    },
  };
}

/** The lock and the look-up are two statements, so that the second sees what the first waited for. */
async function lockAndLoad(tx: Transaction, orderIds: readonly bigint[]): Promise<Notification[]> {
  const sorted = [...new Set(orderIds)].toSorted((a, b) => Number(a - b));
  if (sorted.length === 0) return [];
  const [, rows] = await Promise.all([
    lockOrders.run({ orderIds: sorted }, tx),
    findKnown.run({ orderIds: sorted }, tx),
  ]);
  return rows.map((row) => ({
    orderId: row.order_id,
    version: row.version,
    state: row.state,
    status: (row.status as OrderStatus | null) ?? undefined,
    moment: row.moment ?? undefined,
    traceparent: row.traceparent ?? undefined,
  }));
}

async function write(tx: Transaction, { inserted, released, unreadable }: InboxChanges): Promise<void> {
  await Promise.all([
    insertNotifications.run(
      {
        orderIds: inserted.map(({ orderId }) => orderId),
        versions: inserted.map(({ version }) => version),
        statuses: inserted.map(({ status }) => status ?? ''),
        moments: inserted.map(({ moment }) => moment ?? NO_MOMENT),
        states: inserted.map(({ state }) => state),
        traceparents: inserted.map(({ traceparent }) => traceparent ?? ''),
        logPartitions: inserted.map(({ partition }) => partition),
        logOffsets: inserted.map(({ offset }) => offset),
        reasons: inserted.map(({ reason }) => reason ?? ''),
      },
      tx,
    ),
    releaseParked.run(
      { orderIds: released.map(({ orderId }) => orderId), versions: released.map(({ version }) => version) },
      tx,
    ),
    insertUnreadable.run(
      {
        logPartitions: unreadable.map(({ partition }) => partition),
        logOffsets: unreadable.map(({ offset }) => offset),
        reasons: unreadable.map(({ reason }) => reason),
      },
      tx,
    ),
  ]);
}
