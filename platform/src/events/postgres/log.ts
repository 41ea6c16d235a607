import { randomUUID } from 'node:crypto';

import { AppError } from '../../errors/index.ts';
import type { Db } from '../../postgres/index.ts';
import { needsPartitions, requireValueSize, toRefusal } from '../delivery.ts';
import { partitionOf } from '../partitioner.ts';
import type { EventLog, NewEvent, Position } from '../port.ts';
import { appendRecords, countPartitions } from './gen/publish.queries.ts';
import { addPartitions, findUnread, lockTopic, pruneRecords } from './gen/topic.queries.ts';
import {
  POSTGRES_LIMITS,
  type PostgresLimits,
  type PostgresSubscription,
  type PostgresSubscriptionDeps,
  startPostgresSubscription,
} from './subscription.ts';

interface PostgresLog extends EventLog {
  /** Deletes the records that are older than `retentionMs` and that every group has read. Returns their number. */
  prune(topic: string, retentionMs: number): Promise<number>;
}

/**
 * Opens the event log on PostgreSQL, which needs no broker and suits one machine. Kafka is the log for production.
 *
 * A publish wakes the subscriptions to its topics in this process. Those in other processes find the events when they
 * poll, every 100 ms. Disposing the log does not close `db`.
 */
export function openPostgresLog(deps: PostgresSubscriptionDeps, limits: Partial<PostgresLimits> = {}): PostgresLog {
  const { db } = deps;
  const partitionCounts = new Map<string, number>();
  /** Topics that this process has created or found. If one is missing later, it was deleted; no record is at fault. */
  const knownTopics = new Set<string>();
  const subscriptions = new Map<PostgresSubscription, string>();

  async function loadPartitionCounts(topics: ReadonlySet<string>): Promise<void> {
    const unknown = [...topics].filter((topic) => !partitionCounts.has(topic));
    if (unknown.length === 0) return;
    for (const row of await countPartitions.run({ topics: unknown }, db)) {
      partitionCounts.set(row.topic, row.partitions);
    }
  }

  return {
    async ensureTopic(topic, partitions) {
      await ensurePostgresTopic(db, topic, partitions);
      partitionCounts.delete(topic);
      knownTopics.add(topic);
    },

    async publish(events) {
      if (events.length === 0) return [];
      const topics = new Set(events.map(({ topic }) => topic));
      await loadPartitionCounts(topics);
      for (const topic of topics) {
        if (partitionCounts.has(topic)) continue;
        if (knownTopics.has(topic)) throw new AppError('unavailable', `topic ${topic} is gone from the log`);
        throw toRefusal(`there is no topic ${topic}`, events.length);
      }
      for (const event of events) requireValueSize(event, events.length);
      const placed = await append(db, partitionCounts, events);
      if (placed.length !== events.length) {
        for (const topic of topics) partitionCounts.delete(topic);
        const stored = `the log stored ${placed.length} of ${events.length} events`;
        throw new AppError('unavailable', `${stored}, because partitions of ${[...topics].join(', ')} are gone`);
      }
      for (const [subscription, topic] of subscriptions) if (topics.has(topic)) subscription.wake();
      return placed;
    },

    subscribe(options) {
      const subscription = startPostgresSubscription(deps, { ...POSTGRES_LIMITS, ...limits }, randomUUID(), options);
      subscriptions.set(subscription, options.topic);
      return {
        get partitions() {
          return subscription.partitions;
        },
        async [Symbol.asyncDispose]() {
          subscriptions.delete(subscription);
          await subscription[Symbol.asyncDispose]();
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
      await Promise.all([...subscriptions.keys()].map((subscription) => subscription[Symbol.asyncDispose]()));
      subscriptions.clear();
    },
  };
}

async function ensurePostgresTopic(db: Db, topic: string, partitions: number): Promise<void> {
  await db.transaction(async (tx) => {
    await lockTopic.run({ topic }, tx);
    const [existing] = await countPartitions.run({ topics: [topic] }, tx);
    const isUnread = async () => {
      const [unread] = await findUnread.run({ topic }, tx);
      return (unread?.partitions ?? 0) > 0;
    };
    if (await needsPartitions(topic, existing?.partitions ?? 0, partitions, isUnread)) {
      await addPartitions.run({ topic, partitions }, tx);
    }
  });
}

/** Appends the events whose partitions exist, and returns their positions. */
async function append(
  db: Db,
  partitionCounts: ReadonlyMap<string, number>,
  events: readonly NewEvent[],
): Promise<readonly Position[]> {
  return await appendRecords.run(
    {
      topics: events.map(({ topic }) => topic),
      partitions: events.map(({ topic, key }) => partitionOf(key, partitionCounts.get(topic) ?? 1)),
      keys: events.map(({ key }) => key),
      values: events.map(({ value }) => Buffer.from(value)),
      headers: events.map(({ headers }) => JSON.stringify(headers)),
    },
    db,
  );
}
