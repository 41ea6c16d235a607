import nextCheckouts from './choose/next-checkouts.sql' with { type: 'text' };
import nextOrders from './choose/next-orders.sql' with { type: 'text' };
import nextToldOrders from './choose/next-told-orders.sql' with { type: 'text' };
import recentCheckouts from './choose/recent-checkouts.sql' with { type: 'text' };
import recentOrders from './choose/recent-orders.sql' with { type: 'text' };
import untoldOrders from './choose/untold-orders.sql' with { type: 'text' };
import checkoutFacts from './facts/checkouts.sql' with { type: 'text' };
import deadFacts from './facts/dead.sql' with { type: 'text' };
import eventFacts from './facts/events.sql' with { type: 'text' };
import notificationFacts from './facts/notifications.sql' with { type: 'text' };
import offsetFacts from './facts/offsets.sql' with { type: 'text' };
import orderFacts from './facts/orders.sql' with { type: 'text' };
import recordFacts from './facts/records.sql' with { type: 'text' };
import type { Needs } from './kafka-log.ts';
import type { FactName } from './rules.ts';
import type { Snapshot, Snapshots } from './snapshots.ts';

/** Rows as JSON text: from one database to another they pass unread, so that no number loses a digit. */
export interface Fact {
  readonly json: string;
  readonly rows: number;
}

export type Facts = Partial<Record<FactName, Fact>>;

/** Of each kind (open, unpublished, newest) so many orders are looked at, unless all are. */
const MAX_RECENT_ORDERS = 10_000;
const MAX_RECENT_CHECKOUTS = 10_000;
const MAX_RECENT_DEAD = 10_000;
/** Of each partition. */
const MAX_RECENT_RECORDS = 5_000;
/** Looked at at a time. */
const CHUNK_ROWS = 5_000;

export type Walk = (snapshots: Snapshots, full: boolean) => AsyncGenerator<Facts>;

/** What each kind of rule is given, part by part. */
export const WALKS = {
  system: walkSystem,
  orders: walkOrders,
  records: walkRecords,
  checkouts: walkCheckouts,
  dead: walkDead,
} as const;

async function* walkSystem(): AsyncGenerator<Facts> {
  yield {};
}

async function* walkOrders({ offsets, loms, notifier }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  const committed = await readFact(offsets, offsetFacts);
  for await (const ids of full ? allOrders(loms, notifier) : someOrders(loms, notifier)) {
    const chosen = toFact(ids);
    const [orders, events, notifications] = await Promise.all([
      readFact(loms, orderFacts, [chosen.json]),
      readFact(loms, eventFacts, [chosen.json]),
      readFact(notifier, notificationFacts, [chosen.json]),
    ]);
    yield { offsets: committed, chosen, orders, events, notifications };
  }
}

async function* someOrders(loms: Snapshot, notifier: Snapshot): AsyncGenerator<bigint[]> {
  const [recent, untold] = await Promise.all([
    readIds<bigint>(loms, recentOrders, [MAX_RECENT_ORDERS]),
    readIds<bigint>(notifier, untoldOrders, [MAX_RECENT_ORDERS]),
  ]);
  yield* chunksOf([...new Set([...recent, ...untold])].sort(byValue));
}

/** Every id that loms or the notifier knows, in order. Each list is whole up to its own end, so both are up to the nearer. */
async function* allOrders(loms: Snapshot, notifier: Snapshot): AsyncGenerator<bigint[]> {
  for (let above = 0n; ;) {
    const [known, told] = await Promise.all([
      readIds<bigint>(loms, nextOrders, [above, CHUNK_ROWS]),
      readIds<bigint>(notifier, nextToldOrders, [above, CHUNK_ROWS]),
    ]);
    const ids = [...new Set([...known, ...told])].sort(byValue).slice(0, CHUNK_ROWS);
    const last = ids.at(-1);
    if (last === undefined) return;
    yield ids;
    above = last;
  }
}

async function* walkRecords({ log }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  const partitions = await log.rows(
    `select partition, next_offset from partitions where topic = 'loms.order-events' order by partition`,
  );
  for (const { partition, next_offset: end } of partitions as { partition: number; next_offset: bigint }[]) {
    const recent = end - BigInt(MAX_RECENT_RECORDS);
    for (let start = full || recent < 0n ? 0n : recent; start < end; start += BigInt(CHUNK_ROWS)) {
      const below = start + BigInt(CHUNK_ROWS);
      const needs = { kind: 'range', partition, from: start, below } as const;
      yield { records: await readFact(log, recordFacts, [partition, start, below], needs) };
    }
  }
}

async function* walkCheckouts({ closed }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  for await (const ids of full ? allCheckouts(closed) : someCheckouts(closed)) {
    yield { checkouts: await readFact(closed, checkoutFacts, [toFact(ids).json]) };
  }
}

async function* someCheckouts(closed: Snapshot): AsyncGenerator<string[]> {
  yield* chunksOf(await readIds<string>(closed, recentCheckouts, [MAX_RECENT_CHECKOUTS]));
}

async function* allCheckouts(closed: Snapshot): AsyncGenerator<string[]> {
  for (let above: string | undefined = '00000000-0000-0000-0000-000000000000'; above !== undefined;) {
    const ids: string[] = await readIds<string>(closed, nextCheckouts, [above, CHUNK_ROWS]);
    if (ids.length > 0) yield ids;
    above = ids.at(-1);
  }
}

async function* walkDead({ notifier }: Snapshots, full: boolean): AsyncGenerator<Facts> {
  for (let behind = 0; full || behind < MAX_RECENT_DEAD; behind += CHUNK_ROWS) {
    const dead = await readFact(notifier, deadFacts, [CHUNK_ROWS, behind]);
    if (dead.rows > 0) yield { dead };
    if (dead.rows < CHUNK_ROWS) return;
  }
}

async function readIds<T>(snapshot: Snapshot, query: string, values: readonly unknown[]): Promise<T[]> {
  return (await snapshot.rows(query, values)).map(({ id }) => id as T);
}

async function readFact(
  snapshot: Snapshot,
  query: string,
  values: readonly unknown[] = [],
  needs?: Needs,
): Promise<Fact> {
  const [row] = await snapshot.rows(
    `select coalesce(json_agg(fact), '[]')::text as json, count(*)::integer as rows from (${query}) as fact`,
    values,
    needs,
  );
  return row;
}

function toFact(ids: readonly (bigint | string)[]): Fact {
  const rows = ids.map((id) => `{"id":${typeof id === 'bigint' ? id : `"${id}"`}}`);
  return { json: `[${rows.join(',')}]`, rows: ids.length };
}

function* chunksOf<T>(ids: readonly T[]): Generator<T[]> {
  for (let start = 0; start < ids.length; start += CHUNK_ROWS) yield ids.slice(start, start + CHUNK_ROWS);
}

const byValue = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
