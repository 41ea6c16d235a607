import type { Db } from '@tally/platform/postgres';

import { findUnpublished, markPublished, quarantineEvent } from '../gen/relay.queries.ts';
import type { Outbox } from './outbox.ts';

export function createPostgresOutbox(db: Db): Outbox {
  return {
    async unpublished(limit) {
      const rows = await findUnpublished.run({ limit }, db);
      return rows.map(({ order_id: orderId, ...row }) => ({ orderId, ...row }));
    },
    async mark(acknowledged) {
      await markPublished.run(
        {
          positions: acknowledged.map(({ position }) => position),
          logPartitions: acknowledged.map(({ partition }) => partition),
          logOffsets: acknowledged.map(({ offset }) => offset),
        },
        db,
      );
    },
    async quarantine(position, reason) {
      await quarantineEvent.run({ position, reason }, db);
    },
  };
}
