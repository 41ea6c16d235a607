import { type Db, type Transaction, failureOf } from '@tally/platform/postgres';
import type { OrderStatus } from '@tally/proto/events';

import {
  findKnown,
  insertNotifications,
  insertUnreadable,
  lockOrders,
  releaseParked,
  reviveDead,
} from './gen/inbox.queries.ts';
import { listApplied } from './gen/list.queries.ts';
import type { Notification } from './inbox.ts';
import { DataError, type InboxChanges, type Store } from './store.ts';

// Stands for a missing moment. insertNotifications ignores it when the status is empty, which stands for null.
const NO_MOMENT = new Date(0);

export function createPostgresStore(db: Db): Store {
  return {
    async update(orderIds, decide) {
      try {
        return await db.transaction(async (tx) => {
          const { changes, answer, beforeCommit } = decide(await lockAndLoad(tx, orderIds));
          await write(tx, changes);
          beforeCommit();
          return answer;
        });
      } catch (error) {
        throw failureOf(error) === 'data'
          ? new DataError('the database cannot store a value of an event', { cause: error })
          : error;
      }
    },
    async revive(orderId, decide) {
      return await db.transaction(async (tx) => {
        const { changes, answer, beforeCommit } = decide(await lockAndLoad(tx, [orderId]));
        const { version, state, status, moment } = changes;
        await reviveDead.run({ orderId, version, state, status: status ?? '', moment: moment ?? NO_MOMENT }, tx);
        beforeCommit();
        return answer;
      });
    },
    async list(orderId, timeoutMs) {
      return listApplied.run({ orderId }, db.within(timeoutMs));
    },
  };
}

/**
 * Locks the orders, and returns their notifications. The two statements are sent together and run one after the other,
 * so that the second one sees what the previous holder of a lock has committed.
 */
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
    partition: row.log_partition,
    offset: row.log_offset,
    reason: row.reason ?? undefined,
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
