import { AppError } from '@tally/platform/errors';
import type { Db } from '@tally/platform/postgres';

import { listQuarantined, retryEvent, skipEvent } from '../gen/outbox.queries.ts';

/** Names an event. */
export interface EventId {
  readonly orderId: bigint;
  readonly version: number;
}

const MAX_LISTED = 100;

/**
 * Returns at most 100 quarantined events as lines to print. A last line gives their number, or says that these are the
 * first 100.
 */
export async function listQuarantine(db: Db): Promise<string[]> {
  const rows = await listQuarantined.run({ limit: MAX_LISTED }, db);
  if (rows.length === 0) return ['no event is quarantined'];
  const lines = rows.map(
    ({ order_id: orderId, version, status, moment, quarantine }) =>
      `order ${orderId} version ${version} (${status}, ${moment.toISOString()}): ${quarantine}`,
  );
  if (rows.length === MAX_LISTED) return [...lines, `these are the first ${MAX_LISTED} quarantined events`];
  return [...lines, rows.length === 1 ? '1 event is quarantined' : `${rows.length} events are quarantined`];
}

/**
 * Lets the relay send the event again. Returns a sentence to print. Throws `not-found` unless the event is quarantined.
 */
export async function retryQuarantined(db: Db, event: EventId): Promise<string> {
  const { rowCount } = await retryEvent.runWithCounts(event, db);
  return describe(event, rowCount, 'will be sent again');
}

/**
 * Lets the relay send a marker in place of the event, and stores the reason in the table `audit`. Returns a sentence to
 * print. Throws `not-found` unless the event is quarantined.
 */
export async function skipQuarantined(db: Db, event: EventId, reason: string): Promise<string> {
  const { rowCount } = await skipEvent.runWithCounts({ ...event, reason }, db);
  return describe(event, rowCount, 'is skipped');
}

function describe({ orderId, version }: EventId, changedRows: number, what: string): string {
  const name = `version ${version} of order ${orderId}`;
  if (changedRows === 0) throw new AppError('not-found', `${name} is not quarantined: see just outbox list`);
  return `${name} ${what}`;
}
