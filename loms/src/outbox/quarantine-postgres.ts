import { AppError } from '@tally/platform/errors';
import type { Db } from '@tally/platform/postgres';

import { listQuarantined, retryEvent, skipEvent } from '../gen/outbox.queries.ts';

/** An event that the log refused. */
export interface RefusedEvent {
  readonly orderId: bigint;
  readonly version: number;
}

const MAX_LISTED = 100;

/** What waits, and why, in lines to print. */
export async function listRefused(db: Db): Promise<string[]> {
  const rows = await listQuarantined.run({ limit: MAX_LISTED }, db);
  const lines = rows.map(
    (row) =>
      `order ${row.order_id} version ${row.version} (${row.status}, ${row.moment.toISOString()}): ${row.quarantine}`,
  );
  const total = `${rows.length} ${rows.length === 1 ? 'event waits' : 'events wait'}`;
  return [...lines, rows.length === 0 ? 'nothing waits' : total];
}

/** Has it sent again. Returns what happened, in words; throws `not-found` where it does not wait. */
export async function retryRefused(db: Db, event: RefusedEvent): Promise<string> {
  return describe((await retryEvent.runWithCounts(event, db)).rowCount, event, 'is sent again');
}

/** Has a marker sent in its place; the reason is kept in the table audit. Returns and throws as `retryRefused`. */
export async function skipRefused(db: Db, event: RefusedEvent, reason: string): Promise<string> {
  return describe((await skipEvent.runWithCounts({ ...event, reason }, db)).rowCount, event, 'is skipped');
}

function describe(rows: number, { orderId, version }: RefusedEvent, what: string): string {
  const name = `version ${version} of order ${orderId}`;
  if (rows === 0) throw new AppError('not-found', `${name} does not wait: see just outbox list`);
  return `${name} ${what}`;
}
