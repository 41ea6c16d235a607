import { systemClock } from '@tally/platform/concurrency';
import type { FetchedEvent, TopicReader } from '@tally/platform/events/kafka';
import type { Transaction } from '@tally/platform/postgres';
import { CONSUMER_GROUPS, DEAD_LETTERS_TOPIC, ORDER_EVENTS_TOPIC } from '@tally/proto/events';
import { KAFKA_SCHEME } from '@tally/sql/databases';

import statements from './kafka-log.sql' with { type: 'text' };
import { bind, readQueries } from './queries.ts';

// Two named records are read in one range when at most this many others lie between them.
const MAX_GAP_RECORDS = 500n;

export interface KafkaReaders extends AsyncDisposable {
  readonly events: TopicReader;
  readonly deadLetters: TopicReader;
}

/** Opens readers of both topics. The URL is `kafka://host:port,host:port`. */
export async function openReaders(url: string): Promise<KafkaReaders> {
  const { openTopicReader } = await import('@tally/platform/events/kafka');
  const connection = { brokers: url.slice(KAFKA_SCHEME.length).split(','), clientId: 'verify' };
  const events = openTopicReader(systemClock, connection, ORDER_EVENTS_TOPIC);
  const deadLetters = openTopicReader(systemClock, connection, DEAD_LETTERS_TOPIC);
  return {
    events,
    deadLetters,
    async [Symbol.asyncDispose]() {
      await Promise.all([events[Symbol.asyncDispose](), deadLetters[Symbol.asyncDispose]()]);
    },
  };
}

/**
 * A log on Kafka as it was at one moment. To fetch a record is to copy it from Kafka into a table; queries see only the
 * records that were fetched. Records may be fetched at any later time, because those below the ends of the partitions
 * do not change any more. Fetching a record a second time does nothing.
 */
export interface KafkaLog {
  /**
   * Fetches the records that rows, given as JSON, name by log_partition and log_offset. It also fetches the first
   * record of each partition, by which rules tell a pruned record from a missing one.
   */
  fetchNamed(rows: string): Promise<void>;
  /** Fetches the records of a partition from offset `from` up to, but without, `below`. */
  fetchRange(partition: number, from: bigint, below: bigint): Promise<void>;
  /** Fetches, for each partition and each group, the next record that the group has to read. */
  fetchUnread(): Promise<void>;
  /** Fetches up to `records` records at the end of each partition. */
  fetchNewest(records: number): Promise<void>;
  fetchAll(): Promise<void>;
  fetchDeadLetters(): Promise<void>;
}

/**
 * Takes a snapshot of a log on Kafka, in temporary tables of a transaction. They have the names and columns that the
 * log has on PostgreSQL, so that one query serves both. Committed offsets are read before the ends of the partitions:
 * in the other order, a group could seem to have read past the end.
 */
export async function takeKafkaLog({ events: reader, deadLetters }: KafkaReaders, tx: Transaction): Promise<KafkaLog> {
  const groups = new Map<string, Map<number, bigint>>();
  for (const group of Object.values(CONSUMER_GROUPS)) groups.set(group, await reader.committed(group));
  const bounds = await reader.offsetRanges();
  await createTables(tx, groups, bounds);

  const fetched = new Map<number, Range[]>();
  let areDeadLettersFetched = false;

  async function fetchRange(partition: number, from: bigint, below: bigint): Promise<void> {
    const { first, end } = bounds.get(partition) ?? { first: 0n, end: 0n };
    const range = { from: max(from, first), below: min(below, end) };
    const ranges = fetched.get(partition) ?? [];
    const isFetched = ranges.some((earlier) => earlier.from <= range.from && range.below <= earlier.below);
    if (range.from >= range.below || isFetched) return;
    for await (const events of reader.read(partition, range.from, range.below)) {
      await insertRecords(tx, ORDER_EVENTS_TOPIC, events);
    }
    fetched.set(partition, [...ranges, range]);
  }

  return {
    async fetchNamed(rows) {
      for (const [partition, { first }] of bounds) await fetchRange(partition, first, first + 1n);
      for (const { partition, from, below } of toRanges(rows)) await fetchRange(partition, from, below);
    },
    fetchRange,
    async fetchUnread() {
      for (const partition of bounds.keys()) {
        for (const committed of groups.values()) {
          const next = committed.get(partition) ?? 0n;
          await fetchRange(partition, next, next + 1n);
        }
      }
    },
    async fetchNewest(records) {
      for (const [partition, { end }] of bounds) await fetchRange(partition, end - BigInt(records), end);
    },
    async fetchAll() {
      for (const [partition, { first, end }] of bounds) await fetchRange(partition, first, end);
    },
    async fetchDeadLetters() {
      if (areDeadLettersFetched) return;
      for (const [partition, { first, end }] of await deadLetters.offsetRanges()) {
        for await (const events of deadLetters.read(partition, first, end)) {
          await insertRecords(tx, DEAD_LETTERS_TOPIC, events);
        }
      }
      areDeadLettersFetched = true;
    },
  };
}

interface Range {
  readonly from: bigint;
  readonly below: bigint;
}

/** Returns ranges that together hold every place that the rows name. Places that lie close together share a range. */
function toRanges(json: string): (Range & { readonly partition: number })[] {
  // Offsets stay far below 2^53, so that a JavaScript number holds them exactly.
  const rows = JSON.parse(json) as { log_partition: number | null; log_offset: number | null }[];
  const named = rows.filter(({ log_offset }) => log_offset !== null);
  return [...Map.groupBy(named, (row) => row.log_partition ?? 0)].flatMap(([partition, places]) => {
    const offsets = places.map((row) => BigInt(row.log_offset ?? 0)).sort((a, b) => (a < b ? -1 : 1));
    const ranges: { from: bigint; below: bigint }[] = [];
    for (const offset of offsets) {
      const last = ranges.at(-1);
      if (last !== undefined && offset - last.below <= MAX_GAP_RECORDS) last.below = max(last.below, offset + 1n);
      else ranges.push({ from: offset, below: offset + 1n });
    }
    return ranges.map((range) => ({ partition, ...range }));
  });
}

const statement = readQueries(statements);

async function createTables(
  tx: Transaction,
  groups: ReadonlyMap<string, ReadonlyMap<number, bigint>>,
  bounds: Awaited<ReturnType<TopicReader['offsetRanges']>>,
): Promise<void> {
  await tx.query(statement('create tables'));
  await run(tx, 'insert partitions', {
    topic: ORDER_EVENTS_TOPIC,
    partitions: [...bounds.keys()],
    firsts: [...bounds.values()].map(({ first }) => first),
    nexts: [...bounds.values()].map(({ end }) => end),
  });
  for (const [group, committed] of groups) {
    await run(tx, 'insert group', {
      topic: ORDER_EVENTS_TOPIC,
      group,
      partitions: [...committed.keys()],
      nexts: [...committed.values()],
    });
  }
}

async function insertRecords(tx: Transaction, topic: string, events: readonly FetchedEvent[]): Promise<void> {
  await run(tx, 'insert records', {
    topic,
    partitions: events.map(({ partition }) => partition),
    offsets: events.map(({ offset }) => offset),
    keys: events.map(({ key }) => toStorable(key)),
    values: events.map(({ value }) => Buffer.from(value)),
    headers: events.map(({ headers }) => JSON.stringify(mapValues(headers, toStorable))),
    moments: events.map(({ momentMs }) => new Date(momentMs).toISOString()),
  });
}

async function run(tx: Transaction, name: string, values: Readonly<Record<string, unknown>>): Promise<void> {
  const bound = bind(statement(name), values);
  await tx.query(bound.text, bound.values);
}

/** Replaces U+0000, which PostgreSQL cannot store in a text. */
const toStorable = (text: string) => text.replaceAll('\0', '\uFFFD');

const mapValues = (values: Readonly<Record<string, string>>, map: (value: string) => string) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [map(name), map(value)]));

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const min = (a: bigint, b: bigint) => (a < b ? a : b);
