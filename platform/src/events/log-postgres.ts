import { randomUUID } from 'node:crypto';

import type { Clock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import type { Db } from '../postgres/index.ts';
import { appendRecords, countPartitions } from './gen/publish.queries.ts';
import { addPartitions, findUnread, lockTopic, pruneRecords } from './gen/topic.queries.ts';
import { type MemberLimits, startMember } from './member-postgres.ts';
import { partitionOf } from './partitioner.ts';
import { type EventLog, type NewEvent, RecordRefusedError } from './port.ts';

export interface PostgresLogDeps {
  readonly db: Db;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Told of failures that are tried again. */
  readonly onError: (error: unknown) => void;
}

const LIMITS: MemberLimits = { leaseMs: 6_000, heartbeatMs: 1_000, pollIntervalMs: 100, closeMs: 10_000 };
const MAX_RECORD_BYTES = 1024 * 1024;

/** The postgres log can also forget what everybody has read. */
export interface PostgresLog extends EventLog {
  /** Deletes records older than this that every group has read; returns how many. */
  prune(topic: string, retentionMs: number): Promise<number>;
}

/**
 * The event log on PostgreSQL, for one machine: no broker to run. Kafka is the log for production.
 *
 * It does not own `db`. Readers in this process hear of a publish at once, others poll.
 */
export function openPostgresLog(deps: PostgresLogDeps, limits: Partial<MemberLimits> = {}): PostgresLog {
  const { db } = deps;
  const partitionCounts = new Map<string, number>();
  /** Made by this process: one that is missing all the same is no fault of a record. */
  const ensured = new Set<string>();
  const readers = new Set<{ topic: string; wake: () => void; close: () => Promise<void> }>();

  async function countsOf(topics: readonly string[]): Promise<Map<string, number>> {
    const unknown = [...new Set(topics)].filter((topic) => !partitionCounts.has(topic));
    if (unknown.length > 0) {
      for (const row of await countPartitions.run({ topics: unknown }, db))
        partitionCounts.set(row.topic, row.partitions);
    }
    return partitionCounts;
  }

  return {
    async ensureTopic(topic, partitions) {
      await db.transaction(async (tx) => {
        await lockTopic.run({ topic }, tx);
        const [existing] = await countPartitions.run({ topics: [topic] }, tx);
        const count = existing?.partitions ?? 0;
        if (count > partitions) throw wrongPartitions(topic, count, partitions, 'partitions are never taken away');
        if (count === partitions) return;
        const [unread] = await findUnread.run({ topic }, tx);
        if (count > 0 && (unread?.partitions ?? 0) > 0) {
          throw wrongPartitions(topic, count, partitions, 'it has unread events, whose keys would change partition');
        }
        await addPartitions.run({ topic, partitions }, tx);
      });
      partitionCounts.delete(topic);
      ensured.add(topic);
    },

    async publish(events) {
      if (events.length === 0) return [];
      const counts = await countsOf(events.map(({ topic }) => topic));
      const lost = events.find(({ topic }) => !counts.has(topic) && ensured.has(topic));
      if (lost !== undefined) throw new AppError('unavailable', `topic ${lost.topic} is gone from the log`);
      for (const event of events) refuseUnfit(event, counts.has(event.topic), events.length);
      const placed = await appendRecords.run(
        {
          topics: events.map(({ topic }) => topic),
          partitions: events.map(({ topic, key }) => partitionOf(key, counts.get(topic) ?? 1)),
          keys: events.map(({ key }) => key),
          values: events.map(({ value }) => Buffer.from(value)),
          headers: events.map(({ headers }) => JSON.stringify(headers)),
        },
        db,
      );
      const topics = new Set(events.map(({ topic }) => topic));
      if (placed.length !== events.length) {
        for (const topic of topics) partitionCounts.delete(topic);
        const message = `the log took ${placed.length} of ${events.length} events: partitions of ${[...topics].join()} are gone`;
        throw new AppError('unavailable', message);
      }
      for (const reader of readers) if (topics.has(reader.topic)) reader.wake();
      return placed;
    },

    subscribe(options) {
      const member = startMember(deps, { ...LIMITS, ...limits }, randomUUID(), options);
      const reader = { topic: options.topic, wake: member.wake, close: async () => member[Symbol.asyncDispose]() };
      readers.add(reader);
      return {
        get partitions() {
          return member.partitions;
        },
        async [Symbol.asyncDispose]() {
          readers.delete(reader);
          await reader.close();
        },
      };
    },

    async prune(topic, retentionMs) {
      const { rowCount } = await pruneRecords.runWithCounts(
        { topic, retentionSeconds: Math.ceil(retentionMs / 1000) },
        db,
      );
      return rowCount;
    },

    async [Symbol.asyncDispose]() {
      await Promise.all([...readers].map(({ close }) => close()));
      readers.clear();
    },
  };
}

/** Only a record that was sent alone is named: in a batch another one may be at fault. */
function refuseUnfit({ topic, value }: NewEvent, isKnownTopic: boolean, sent: number): void {
  const fault = !isKnownTopic
    ? `there is no topic ${topic}`
    : value.length > MAX_RECORD_BYTES
      ? `a value of ${value.length} bytes; the log takes ${MAX_RECORD_BYTES} at most`
      : undefined;
  if (fault === undefined) return;
  throw sent === 1
    ? new RecordRefusedError(fault)
    : new AppError('invalid-argument', `a record of the batch: ${fault}`);
}

function wrongPartitions(topic: string, count: number, wanted: number, why: string): AppError {
  return new AppError('failed-precondition', `topic ${topic} has ${count} partitions, not ${wanted}: ${why}`);
}
