import { Admin, ConfigResourceTypes, type ListConsumerGroupOffsetsGroup } from '@platformatic/kafka';

import { sleep, startAge } from '../concurrency/index.ts';
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
const FOR_EVER = -1;

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
    await requireSettings(admin, deps, topic);
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

const settingsOf = ({ minInSyncReplicas }: KafkaLogDeps) => ({
  'min.insync.replicas': minInSyncReplicas,
  'max.message.bytes': MAX_MESSAGE_BYTES,
  // Time alone deletes nothing: it might not have been read.
  'retention.ms': FOR_EVER,
});

/** Somebody may make it at the same moment. */
async function createTopic(admin: Admin, deps: KafkaLogDeps, topic: string, partitions: number): Promise<void> {
  try {
    await admin.createTopics({
      topics: [topic],
      partitions,
      replicas: deps.replicationFactor,
      configs: Object.entries(settingsOf(deps)).map(([name, value]) => ({ name, value: String(value) })),
    });
  } catch (error) {
    if (!hasErrorId(error, 'TOPIC_ALREADY_EXISTS')) throw error;
  }
}

/** A topic that somebody made may promise less: fewer copies, or an end to what was not read. */
async function requireSettings(admin: Admin, deps: KafkaLogDeps, topic: string): Promise<void> {
  const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
  const copies = topics.get(topic)?.partitions.map(({ replicas }) => replicas.length) ?? [];
  const wanted = settingsOf(deps);
  const resource = {
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName: topic,
    configurationKeys: Object.keys(wanted),
  };
  const [described] = await admin.describeConfigs({ resources: [resource] });
  const found = new Map(described?.configs.map(({ name, value }) => [name, Number(value)]));
  const isLess = (is: number, least: number) => is !== FOR_EVER && (least === FOR_EVER || is < least);
  const lacks = [
    { name: 'copies', is: Math.min(...copies), least: deps.replicationFactor },
    ...Object.entries(wanted).map(([name, least]) => ({ name, is: found.get(name) ?? Number.NaN, least })),
  ].filter(({ is, least }) => isLess(is, least));
  if (lacks.length === 0) return;
  const text = lacks.map(({ name, is, least }) => `${name} ${is}, not ${least}`).join('; ');
  const advice = 'change the topic, or KAFKA_REPLICATION_FACTOR and KAFKA_MIN_INSYNC_REPLICAS';
  throw new AppError('failed-precondition', `topic ${topic} has ${text}: ${advice}`);
}

/** The brokers hear of it one after another, and each partition gets its leader. */
async function untilShown({ clock }: KafkaLogDeps, admin: Admin, topic: string, partitions: number): Promise<void> {
  const waited = startAge(clock);
  for (;;) {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
    const shown = metadata?.topics.get(topic)?.partitions ?? [];
    if (shown.length >= partitions && shown.every(({ leader }) => leader >= 0)) return;
    if (waited() > SHOWN_LIMIT_MS) throw new AppError('unavailable', `Kafka: topic ${topic} does not show`);
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
