import { readConfig } from '@tally/platform/config';
import { type Db, openDb } from '@tally/platform/postgres';

import { listQuarantined, retryEvent, skipEvent } from './gen/outbox.queries.ts';

const USAGE = `just outbox COMMAND: decides on events that the log refused. Their orders wait until then.

  list                          what waits, and why
  retry ORDER VERSION           sends it again
  skip ORDER VERSION REASON     sends a marker in its place; the reason is kept in loms' table audit

LOMS_DATABASE_URL names the database.`;

const MAX_LISTED = 100;

async function main(args: readonly string[]): Promise<void> {
  const [command, order = '', version = '', ...words] = args;
  if (command === '--help' || command === '-h') {
    console.log(USAGE);
    return;
  }
  const { url } = readConfig(process.env, (reader) => ({
    url: reader.url('LOMS_DATABASE_URL', 'the database of loms', ['postgres', 'postgresql']),
  }));
  await using db = openDb({ url, applicationName: 'outbox', maxConnections: 1 });
  if (command === 'list' && args.length === 1) {
    await list(db);
    return;
  }
  const isEvent = /^[1-9]\d{0,18}$/.test(order) && /^[1-9]\d{0,8}$/.test(version);
  const event = isEvent ? { orderId: BigInt(order), version: Number(version) } : undefined;
  if (command === 'retry' && event !== undefined && words.length === 0) {
    report((await retryEvent.runWithCounts(event, db)).rowCount, event, 'is sent again');
  } else if (command === 'skip' && event !== undefined && words.length > 0) {
    report((await skipEvent.runWithCounts({ ...event, reason: words.join(' ') }, db)).rowCount, event, 'is skipped');
  } else throw new Error(`'${args.join(' ')}' is no command of it.\n\n${USAGE}`);
}

async function list(db: Db): Promise<void> {
  const rows = await listQuarantined.run({ limit: MAX_LISTED }, db);
  for (const row of rows) {
    console.log(
      `order ${row.order_id} version ${row.version} (${row.status}, ${row.moment.toISOString()}): ${row.quarantine}`,
    );
  }
  console.log(
    rows.length === 0 ? 'nothing waits' : `${rows.length} ${rows.length === 1 ? 'event waits' : 'events wait'}`,
  );
}

function report(rows: number, event: { orderId: bigint; version: number }, what: string): void {
  const name = `version ${event.version} of order ${event.orderId}`;
  if (rows === 0) throw new Error(`${name} does not wait: see just outbox list`);
  console.log(`${name} ${what}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`outbox: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
