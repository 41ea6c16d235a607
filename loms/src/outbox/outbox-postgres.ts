import type { Db } from '@tally/platform/postgres';

import { findUnpublished, markPublished, quarantineEvent } from '../gen/relay.queries.ts';
import type { Outbox } from './outbox.ts';

export function createPostgresOutbox(db: Db): Outbox {
  return {
    async findUnpublished(limit) {
      const rows = await findUnpublished.run({ limit }, db);
      return rows.map(({ order_id: orderId, ...row }) => ({ orderId, ...row }));
    },
    async markPublished(acknowledgements) {
      await markPublished.run(
        {
          positions: acknowledgements.map(({ position }) => position),
          logPartitions: acknowledgements.map(({ partition }) => partition),
          logOffsets: acknowledgements.map(({ offset }) => offset),
        },
        db,
      );
    },
    async quarantine(position, reason) {
      await quarantineEvent.run({ position, reason }, db);
    },
  };
}
