import cartFacts from './facts/cart.sql' with { type: 'text' };
import logFacts from './facts/log.sql' with { type: 'text' };
import lomsFacts from './facts/loms.sql' with { type: 'text' };
import notifierFacts from './facts/notifier.sql' with { type: 'text' };
import { NEWEST_RECORDS, readQueries } from './queries.ts';
import type { Snapshot, Snapshots } from './snapshots.ts';

/** A list of rows that a rule takes as a parameter. */
export type FactName = 'offsets' | 'chosen' | 'orders' | 'events' | 'notifications' | 'records' | 'checkouts' | 'dead';

/** Rows as JSON text, which passes from one database to another unparsed, so that no number loses digits. */
interface Fact {
  readonly json: string;
  readonly rows: number;
}

export type Facts = Partial<Record<FactName, Fact>>;

// How much verify looks at without --full. The limit of orders applies to each kind of order by itself: to open orders,
// to those with unpublished events, to the newest ones, and so on.
const MAX_RECENT_ORDERS = 10_000;
const MAX_RECENT_CHECKOUTS = 10_000;
const MAX_RECENT_DEAD = 10_000;
/** The number of rows that the rules get at a time. */
const CHUNK_ROWS = 5_000;

const cartQuery = readQueries(cartFacts);
const logQuery = readQueries(logFacts);
const lomsQuery = readQueries(lomsFacts);
const notifierQuery = readQueries(notifierFacts);

/**
 * Reads what the rules look at, chunk by chunk: everything when `full`, and else only what is open or recent. Each
 * chunk has the facts that the rules over this walk take as parameters. When the log is on Kafka, the walk also fetches
 * the records that these rules look at.
 */
export type Walk = (snapshots: Snapshots, full: boolean) => AsyncGenerator<Facts>;

export const WALKS = {
  system: walkSystem,
  orders: walkOrders,
  records: walkRecords,
  checkouts: walkCheckouts,
  dead: walkDead,
} as const satisfies Readonly<Record<string, Walk>>;

/** Yields once and without facts: the rules over this walk look at whole tables. */
async function* walkSystem({ log, offsets }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  await offsets.kafka?.fetchUnread();
  await (full ? log.kafka?.fetchAll() : log.kafka?.fetchNewest(NEWEST_RECORDS));
  yield {};
}

async function* walkOrders(snapshots: Snapshots, full: boolean): AsyncGenerator<Facts> {
  const { offsets, loms, notifier, log, recorded } = snapshots;
  const groupOffsets = await readFact(offsets, logQuery('offsets'));
  for await (const ids of full ? allOrders(loms, notifier) : recentOrders(loms, notifier)) {
    const chosen = toFact(ids);
    const [orders, events, notifications] = await Promise.all([
      readFact(loms, lomsQuery('orders'), { chosen: chosen.json }),
      readFact(loms, lomsQuery('events'), { chosen: chosen.json }),
      readFact(notifier, notifierQuery('notifications'), { chosen: chosen.json }),
    ]);
    await Promise.all([recorded.kafka?.fetchNamed(events.json), log.kafka?.fetchNamed(notifications.json)]);
    yield { offsets: groupOffsets, chosen, orders, events, notifications };
  }
}

async function* recentOrders(loms: Snapshot, notifier: Snapshot): AsyncGenerator<bigint[]> {
  const [recent, untold] = await Promise.all([
    readIds<bigint>(loms, lomsQuery('recent orders'), { limit: MAX_RECENT_ORDERS }),
    readIds<bigint>(notifier, notifierQuery('recent orders'), { limit: MAX_RECENT_ORDERS }),
  ]);
  const ids = [...new Set([...recent, ...untold])].sort(ascending);
  for (let start = 0; start < ids.length; start += CHUNK_ROWS) yield ids.slice(start, start + CHUNK_ROWS);
}

/** Yields every order id that loms or the notifier has, in ascending order. */
async function* allOrders(loms: Snapshot, notifier: Snapshot): AsyncGenerator<bigint[]> {
  for (let after = 0n; ;) {
    const [known, told] = await Promise.all([
      readIds<bigint>(loms, lomsQuery('next orders'), { after, limit: CHUNK_ROWS }),
      readIds<bigint>(notifier, notifierQuery('next orders'), { after, limit: CHUNK_ROWS }),
    ]);
    // Neither list lacks an id below its last one, so the lowest CHUNK_ROWS ids of both together are complete.
    const ids = [...new Set([...known, ...told])].sort(ascending).slice(0, CHUNK_ROWS);
    const last = ids.at(-1);
    if (last === undefined) return;
    yield ids;
    after = last;
  }
}

async function* walkRecords({ log }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  const partitions = (await log.rows(logQuery('partitions'))) as { partition: number; next_offset: bigint }[];
  for (const { partition, next_offset: end } of partitions) {
    const newest = end - BigInt(NEWEST_RECORDS);
    for (let from = full || newest < 0n ? 0n : newest; from < end; from += BigInt(CHUNK_ROWS)) {
      const below = from + BigInt(CHUNK_ROWS);
      await log.kafka?.fetchRange(partition, from, below);
      yield { records: await readFact(log, logQuery('records'), { partition, from, below }) };
    }
  }
}

async function* walkCheckouts({ closed }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  for await (const ids of full ? allCheckouts(closed) : recentCheckouts(closed)) {
    yield { checkouts: await readFact(closed, cartQuery('checkouts'), { ids: toFact(ids).json }) };
  }
}

async function* recentCheckouts(closed: Snapshot): AsyncGenerator<string[]> {
  const ids = await readIds<string>(closed, cartQuery('recent checkouts'), { limit: MAX_RECENT_CHECKOUTS });
  for (let start = 0; start < ids.length; start += CHUNK_ROWS) yield ids.slice(start, start + CHUNK_ROWS);
}

async function* allCheckouts(closed: Snapshot): AsyncGenerator<string[]> {
  for (let after: string | undefined = '00000000-0000-0000-0000-000000000000'; after !== undefined;) {
    const ids: string[] = await readIds<string>(closed, cartQuery('next checkouts'), { after, limit: CHUNK_ROWS });
    if (ids.length > 0) yield ids;
    after = ids.at(-1);
  }
}

async function* walkDead({ notifier, log }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  for (let skip = 0; full || skip < MAX_RECENT_DEAD; skip += CHUNK_ROWS) {
    const dead = await readFact(notifier, notifierQuery('dead'), { limit: CHUNK_ROWS, skip });
    if (dead.rows > 0) {
      await log.kafka?.fetchDeadLetters();
      await log.kafka?.fetchNamed(dead.json);
      yield { dead };
    }
    if (dead.rows < CHUNK_ROWS) return;
  }
}

type Values = Readonly<Record<string, unknown>>;

async function readIds<Id>(snapshot: Snapshot, query: string, values: Values): Promise<Id[]> {
  return (await snapshot.rows(query, values)).map(({ id }) => id as Id);
}

async function readFact(snapshot: Snapshot, query: string, values?: Values): Promise<Fact> {
  const [row] = await snapshot.rows(
    `select coalesce(json_agg(fact), '[]')::text as json, count(*)::integer as rows from (${query}) as fact`,
    values,
  );
  return row;
}

function toFact(ids: readonly (bigint | string)[]): Fact {
  const rows = ids.map((id) => `{"id":${typeof id === 'bigint' ? id : `"${id}"`}}`);
  return { json: `[${rows.join(',')}]`, rows: ids.length };
}

const ascending = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
