import { AppError } from '@tally/platform/errors';
import type { Db } from '@tally/platform/postgres';

import { listQuarantined, retryEvent, skipEvent } from './gen/outbox.queries.ts';

export const OUTBOX_USAGE = `just outbox COMMAND: decides on events that the log refused. Their orders wait until then.

  list                          what waits, and why
  retry ORDER VERSION           sends it again
  skip ORDER VERSION REASON     sends a marker in its place; the reason is kept in loms' table audit

LOMS_DATABASE_URL names the database.`;

const MAX_LISTED = 100;

/** What an operator says about quarantined events. Returns the lines to print. */
export async function decideOutbox(db: Db, args: readonly string[]): Promise<string[]> {
  const [command, order = '', version = '', ...words] = args;
  if (command === 'list' && args.length === 1) return list(db);
  const isEvent = /^[1-9]\d{0,18}$/.test(order) && /^[1-9]\d{0,8}$/.test(version);
  const event = isEvent ? { orderId: BigInt(order), version: Number(version) } : undefined;
  if (command === 'retry' && event !== undefined && words.length === 0) {
    return describe((await retryEvent.runWithCounts(event, db)).rowCount, event, 'is sent again');
  }
  if (command === 'skip' && event !== undefined && words.length > 0) {
    return describe(
      (await skipEvent.runWithCounts({ ...event, reason: words.join(' ') }, db)).rowCount,
      event,
      'is skipped',
    );
  }
  throw new AppError('invalid-argument', `'${args.join(' ')}' is not one of its commands.\n\n${OUTBOX_USAGE}`);
}

async function list(db: Db): Promise<string[]> {
  const rows = await listQuarantined.run({ limit: MAX_LISTED }, db);
  const lines = rows.map(
    (row) =>
      `order ${row.order_id} version ${row.version} (${row.status}, ${row.moment.toISOString()}): ${row.quarantine}`,
  );
  const total = `${rows.length} ${rows.length === 1 ? 'event waits' : 'events wait'}`;
  return [...lines, rows.length === 0 ? 'nothing waits' : total];
}

function describe(rows: number, { orderId, version }: { orderId: bigint; version: number }, what: string): string[] {
  const name = `version ${version} of order ${orderId}`;
  if (rows === 0) throw new AppError('not-found', `${name} does not wait: see just outbox list`);
  return [`${name} ${what}`];
}
