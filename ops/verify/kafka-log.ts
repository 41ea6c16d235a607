import { systemClock } from '@tally/platform/concurrency';
import type { FetchedEvent, TopicReader } from '@tally/platform/events/kafka';
import type { Transaction } from '@tally/platform/postgres';

import fillGroup from './kafka/fill-group.sql' with { type: 'text' };
import fillPartitions from './kafka/fill-partitions.sql' with { type: 'text' };
import fillRecords from './kafka/fill-records.sql' with { type: 'text' };
import tables from './kafka/tables.sql' with { type: 'text' };

/** What a question to the log is about: a log on Kafka brings just these records. */
export type Needs =
  | { readonly kind: 'none' }
  /** Those that these rows name (log_partition, log_offset), as JSON. */
  | { readonly kind: 'named'; readonly json: string }
  /** Those that these rows name, and all dead letters: they are few. */
  | { readonly kind: 'dead letters'; readonly json: string }
  | { readonly kind: 'range'; readonly partition: number; readonly from: bigint; readonly below: bigint }
  /** The next one of each partition that the group has not read. */
  | { readonly kind: 'unread' }
  /** Of each partition so many at its end. */
  | { readonly kind: 'newest'; readonly records: number }
  | { readonly kind: 'all' };

/** A log on Kafka, as it was at one moment: what lies below the ends does not change any more. */
export interface KafkaLog {
  /** Brings what is needed into the tables. */
  bring(needs: Needs): Promise<void>;
}

export const KAFKA_SCHEME = 'kafka://';
export const TOPIC = 'loms.order-events';
const DEAD_LETTERS_TOPIC = 'loms.order-events.dlq';
export const GROUP = 'notifier';

// Named offsets nearer than this to each other are read in one go.
const MAX_GAP_RECORDS = 500n;

/** What is read of Kafka. */
export interface KafkaReaders extends AsyncDisposable {
  readonly events: TopicReader;
  readonly deadLetters: TopicReader;
}

/** `kafka://host:port,host:port` */
export async function openReaders(url: string): Promise<KafkaReaders> {
  const { openTopicReader } = await import('@tally/platform/events/kafka');
  const connection = { brokers: url.slice(KAFKA_SCHEME.length).split(','), clientId: 'verify' };
  const events = openTopicReader(systemClock, connection, TOPIC);
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
 * Puts the log's state into temporary tables of a transaction, of the names and columns that the log has on PostgreSQL: the
 * rules ask both in the same words. What the group has committed is read first, the ends of the partitions behind it.
 */
export async function takeKafkaLog({ events: reader, deadLetters }: KafkaReaders, tx: Transaction): Promise<KafkaLog> {
  const committed = await reader.committed(GROUP);
  const bounds = await reader.offsetRanges();
  await tx.query(tables);
  await tx.query(fillPartitions, [
    TOPIC,
    [...bounds.keys()],
    [...bounds.values()].map(({ first }) => first),
    [...bounds.values()].map(({ end }) => end),
  ]);
  await tx.query(fillGroup, [TOPIC, GROUP, [...committed.keys()], [...committed.values()]]);
  const brought = new Map<number, Range[]>();
  let areDeadLettersBrought = false;

  async function bring(partition: number, wanted: Range): Promise<void> {
    const { first, end } = bounds.get(partition) ?? { first: 0n, end: 0n };
    const range = { from: max(wanted.from, first), below: min(wanted.below, end) };
    const known = brought.get(partition) ?? [];
    if (range.from >= range.below || known.some(({ from, below }) => from <= range.from && range.below <= below))
      return;
    for await (const events of reader.read(partition, range.from, range.below)) await fill(tx, TOPIC, events);
    brought.set(partition, [...known, range]);
  }

  async function bringDeadLetters(): Promise<void> {
    if (areDeadLettersBrought) return;
    for (const [partition, { first, end }] of await deadLetters.offsetRanges()) {
      for await (const events of deadLetters.read(partition, first, end)) await fill(tx, DEAD_LETTERS_TOPIC, events);
    }
    areDeadLettersBrought = true;
  }

  return {
    async bring(needs) {
      if (needs.kind === 'none') return;
      if (needs.kind === 'dead letters') await bringDeadLetters();
      if (needs.kind === 'range') await bring(needs.partition, needs);
      else if (needs.kind === 'named' || needs.kind === 'dead letters') {
        // The first of a partition too: below it nothing is kept.
        for (const [partition, { first }] of bounds) await bring(partition, { from: first, below: first + 1n });
        for (const { partition, ...range } of toRanges(needs.json)) await bring(partition, range);
      } else {
        for (const [partition, { first, end }] of bounds) {
          const next = committed.get(partition) ?? 0n;
          const ranges = {
            unread: { from: next, below: next + 1n },
            newest: { from: needs.kind === 'newest' ? end - BigInt(needs.records) : end, below: end },
            all: { from: first, below: end },
          };
          await bring(partition, ranges[needs.kind]);
        }
      }
    },
  };
}

interface Range {
  readonly from: bigint;
  readonly below: bigint;
}

function toRanges(json: string): (Range & { partition: number })[] {
  // No offset comes near to where a number loses digits.
  const rows = JSON.parse(json) as { log_partition: number | null; log_offset: number | null }[];
  const named = rows.filter(({ log_offset }) => log_offset !== null);
  return [...Map.groupBy(named, (row) => row.log_partition ?? 0)].flatMap(([partition, some]) => {
    const offsets = some.map((row) => BigInt(row.log_offset ?? 0)).sort((a, b) => (a < b ? -1 : 1));
    const ranges: { from: bigint; below: bigint }[] = [];
    for (const offset of offsets) {
      const last = ranges.at(-1);
      if (last !== undefined && offset - last.below <= MAX_GAP_RECORDS) last.below = max(last.below, offset + 1n);
      else ranges.push({ from: offset, below: offset + 1n });
    }
    return ranges.map((range) => ({ partition, ...range }));
  });
}

async function fill(tx: Transaction, topic: string, events: readonly FetchedEvent[]): Promise<void> {
  await tx.query(fillRecords, [
    topic,
    events.map(({ partition }) => partition),
    events.map(({ offset }) => offset),
    events.map(({ key }) => toStorable(key)),
    events.map(({ value }) => Buffer.from(value)),
    events.map(({ headers }) => JSON.stringify(mapValues(headers, toStorable))),
    events.map(({ momentMs }) => new Date(momentMs).toISOString()),
  ]);
}

/** PostgreSQL keeps no U+0000 in a text. */
const toStorable = (text: string) => text.replaceAll('\0', '\uFFFD');

const mapValues = (values: Readonly<Record<string, string>>, map: (value: string) => string) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [map(name), map(value)]));

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const min = (a: bigint, b: bigint) => (a < b ? a : b);
