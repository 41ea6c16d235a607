import { Admin, type ListConsumerGroupOffsetsGroup } from '@platformatic/kafka';

import { sleep } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { hasErrorId, toClientOptions, toUnavailable, within } from './client-kafka.ts';
import { openFetcher } from './fetcher-kafka.ts';
import { KAFKA_MEMBER_LIMITS, type KafkaMemberDeps, type KafkaMemberLimits, startKafkaMember } from './member-kafka.ts';
import type { EventLog, Subscription } from './port.ts';
import { openProducer } from './producer-kafka.ts';

export interface KafkaLogDeps extends KafkaMemberDeps {
  /** Of the topics that are made. */
  readonly replicationFactor: number;
  /** Brokers that must have a record before it is acknowledged. */
  readonly minInSyncReplicas: number;
}

const TOPIC_LIMIT_MS = 20_000;
const SHOWN_LIMIT_MS = 10_000;
const POLL_MS = 50;
// A value of 1 MiB with its key and headers; a batch of many small ones too.
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;

/** The event log on Apache Kafka, the log for production. */
export function openKafkaLog(deps: KafkaLogDeps, limits: Partial<KafkaMemberLimits> = {}): EventLog {
  const { clock, place } = deps;
  const known = new Set<string>();
  const members = new Set<Subscription>();
  const producer = openProducer({ ...place, clock, isKnownTopic: (topic) => known.has(topic) });

  return {
    async ensureTopic(topic, partitions) {
      try {
        await within(clock, TOPIC_LIMIT_MS, `making topic ${topic}`, ensureTopic(deps, topic, partitions));
      } catch (error) {
        throw toUnavailable(`making topic ${topic}`, error);
      }
      known.add(topic);
      producer.forgetTopics();
    },
    publish: (events) => producer.publish(events),
    subscribe(options) {
      const member = startKafkaMember(deps, { ...KAFKA_MEMBER_LIMITS, ...limits }, options);
      members.add(member);
      return {
        get partitions() {
          return member.partitions;
        },
        async [Symbol.asyncDispose]() {
          members.delete(member);
          await member[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...members].map((member) => member[Symbol.asyncDispose]()));
      members.clear();
      await producer[Symbol.asyncDispose]();
    },
  };
}

async function ensureTopic(deps: KafkaLogDeps, topic: string, partitions: number): Promise<void> {
  const admin = new Admin(toClientOptions(deps.place));
  const fetcher = openFetcher(deps.clock, deps.place, topic);
  try {
    await createTopic(admin, deps, topic, partitions);
    await untilShown(deps, admin, topic, 1);
    const count = await fetcher.partitionCount();
    if (count === partitions) return;
    if (count > partitions) throw wrongPartitions(topic, count, partitions, 'partitions are never taken away');
    const bounds = await fetcher.bounds(Array.from({ length: count }, (_, partition) => partition));
    const ends = [...bounds]
      .filter(([, { first, end }]) => end > first)
      .map(([partition, { end }]) => ({ partition, end }));
    if (await isUnread(admin, topic, count, ends)) {
      throw wrongPartitions(topic, count, partitions, 'it has unread events, whose keys would change partition');
    }
    // Null: the brokers choose. An empty list would be a choice, and a wrong one.
    await admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] });
    await untilShown(deps, admin, topic, partitions);
  } finally {
    await Promise.all([fetcher.close(), admin.close().catch(() => {})]);
  }
}

/** Somebody may make it at the same moment. */
async function createTopic(admin: Admin, deps: KafkaLogDeps, topic: string, partitions: number): Promise<void> {
  const configs = {
    'min.insync.replicas': deps.minInSyncReplicas,
    'max.message.bytes': MAX_MESSAGE_BYTES,
    // Time alone deletes nothing: it might not have been read.
    'retention.ms': -1,
  };
  try {
    await admin.createTopics({
      topics: [topic],
      partitions,
      replicas: deps.replicationFactor,
      configs: Object.entries(configs).map(([name, value]) => ({ name, value: String(value) })),
    });
  } catch (error) {
    if (!hasErrorId(error, 'TOPIC_ALREADY_EXISTS')) throw error;
  }
}

/** The brokers hear of it one after another, and each partition gets its leader. */
async function untilShown({ clock }: KafkaLogDeps, admin: Admin, topic: string, partitions: number): Promise<void> {
  const untilMs = clock.nowMs() + SHOWN_LIMIT_MS;
  for (;;) {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
    const shown = metadata?.topics.get(topic)?.partitions ?? [];
    if (shown.length >= partitions && shown.every(({ leader }) => leader >= 0)) return;
    if (clock.nowMs() > untilMs) throw new AppError('unavailable', `Kafka: topic ${topic} does not show`);
    await sleep(clock, POLL_MS);
  }
}

/** Unread is what a group that reads the topic has not committed; and all, where nobody has read of it. */
async function isUnread(
  admin: Admin,
  topic: string,
  count: number,
  ends: readonly { partition: number; end: bigint }[],
): Promise<boolean> {
  const groups = [...(await admin.listGroups()).keys()];
  const partitionIndexes = Array.from({ length: count }, (_, partition) => partition);
  const asked = groups.map((groupId) => ({ groupId, topics: [{ name: topic, partitionIndexes }] }));
  const answers = asked.length === 0 ? [] : await admin.listConsumerGroupOffsets({ groups: asked });
  const readers = answers.map(toOffsets).filter((offsets) => offsets.size > 0);
  if (readers.length === 0) return ends.length > 0;
  return readers.some((offsets) => ends.some(({ partition, end }) => (offsets.get(partition) ?? 0n) < end));
}

function toOffsets({ topics }: ListConsumerGroupOffsetsGroup): Map<number, bigint> {
  const committed = topics
    .flatMap(({ partitions }) => partitions)
    .filter(({ committedOffset }) => committedOffset >= 0n);
  return new Map(committed.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]));
}

function wrongPartitions(topic: string, count: number, wanted: number, why: string): AppError {
  return new AppError('failed-precondition', `topic ${topic} has ${count} partitions, not ${wanted}: ${why}`);
}
