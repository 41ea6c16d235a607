import { Admin, ConfigResourceTypes } from '@platformatic/kafka';

import { type Clock, sleep, startAge } from '../../concurrency/index.ts';
import { AppError } from '../../errors/index.ts';
import { needsPartitions } from '../delivery.ts';
import {
  type KafkaConnection,
  hasErrorId,
  toClientOptions,
  toCommittedOffsets,
  toUnavailable,
  withTimeout,
} from './client.ts';
import { openTopicClient } from './topic-client.ts';

export interface KafkaTopicDeps {
  readonly clock: Clock;
  readonly connection: KafkaConnection;
  /** Number of brokers that store each partition. */
  readonly replicationFactor: number;
  /** Number of replicas that must have a record before it is acknowledged. */
  readonly minInSyncReplicas: number;
}

const TOPIC_LIMIT_MS = 20_000;
const PROPAGATION_LIMIT_MS = 10_000;
const POLL_MS = 50;
// This leaves room for a value of 1 MiB with its key and headers. Kafka applies the limit to a whole batch.
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;
const UNLIMITED = -1;

/**
 * Creates a topic, or adds partitions to one in which nothing is unread. Throws `failed-precondition` when an existing
 * topic promises less than a new one would, or cannot get the wanted number of partitions.
 */
export async function ensureKafkaTopic(deps: KafkaTopicDeps, topic: string, partitions: number): Promise<void> {
  const what = `creating topic ${topic}`;
  try {
    await withTimeout(deps.clock, TOPIC_LIMIT_MS, what, ensureTopic(deps, topic, partitions));
  } catch (error) {
    throw toUnavailable(what, error);
  }
}

async function ensureTopic(deps: KafkaTopicDeps, topic: string, partitions: number): Promise<void> {
  const admin = new Admin(toClientOptions(deps.connection));
  const client = openTopicClient(deps.clock, deps.connection, topic);
  try {
    await createTopic(admin, deps, topic, partitions);
    await waitForLeaders(deps.clock, admin, topic, 1);
    await requireSettings(admin, deps, topic);
    const count = await client.partitionCount();
    const isUnread = async () => {
      const ranges = await client.offsetRanges(Array.from({ length: count }, (_, partition) => partition));
      const filled = [...ranges].filter(([, { first, end }]) => end > first);
      return await hasUnread(admin, topic, count, new Map(filled.map(([partition, { end }]) => [partition, end])));
    };
    if (!(await needsPartitions(topic, count, partitions, isUnread))) return;
    // With null, the brokers choose where the replicas lie. An empty list would be a choice that they refuse.
    await admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] });
    await waitForLeaders(deps.clock, admin, topic, partitions);
  } finally {
    await Promise.all([client.close(), admin.close().catch(() => {})]);
  }
}

const settingsOf = ({ minInSyncReplicas }: KafkaTopicDeps) => ({
  'min.insync.replicas': minInSyncReplicas,
  'max.message.bytes': MAX_MESSAGE_BYTES,
  // By default, Kafka deletes old records even if they were not read.
  'retention.ms': UNLIMITED,
});

async function createTopic(admin: Admin, deps: KafkaTopicDeps, topic: string, partitions: number): Promise<void> {
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

/** Throws when an existing topic promises less than a new one would, such as fewer replicas or a shorter retention. */
async function requireSettings(admin: Admin, deps: KafkaTopicDeps, topic: string): Promise<void> {
  const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
  const replicaCounts = topics.get(topic)?.partitions.map(({ replicas }) => replicas.length) ?? [];
  const wanted = settingsOf(deps);
  const resource = {
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName: topic,
    configurationKeys: Object.keys(wanted),
  };
  const [described] = await admin.describeConfigs({ resources: [resource] });
  const found = new Map(described?.configs.map(({ name, value }) => [name, Number(value)]));
  const isLess = (is: number, least: number) => is !== UNLIMITED && (least === UNLIMITED || is < least);
  const lacking = [
    { name: 'replicas', is: Math.min(...replicaCounts), least: deps.replicationFactor },
    ...Object.entries(wanted).map(([name, least]) => ({ name, is: found.get(name) ?? Number.NaN, least })),
  ].filter(({ is, least }) => isLess(is, least));
  if (lacking.length === 0) return;
  const differences = lacking.map(({ name, is, least }) => `${name} ${is}, not ${least}`).join('; ');
  const advice = 'change the topic, or set KAFKA_REPLICATION_FACTOR and KAFKA_MIN_INSYNC_REPLICAS';
  throw new AppError('failed-precondition', `topic ${topic} has ${differences}: ${advice}`);
}

/** Waits until the partitions of a new topic have leaders. Brokers learn of a change one after another. */
async function waitForLeaders(clock: Clock, admin: Admin, topic: string, partitions: number): Promise<void> {
  const waitedMs = startAge(clock);
  for (;;) {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
    const known = metadata?.topics.get(topic)?.partitions ?? [];
    if (known.length >= partitions && known.every(({ leader }) => leader >= 0)) return;
    if (waitedMs() > PROPAGATION_LIMIT_MS) {
      const waited = `after ${PROPAGATION_LIMIT_MS} ms`;
      throw new AppError('unavailable', `Kafka: not every partition of topic ${topic} has a leader ${waited}`);
    }
    await sleep(clock, POLL_MS);
  }
}

/** Returns whether a group that reads the topic has not read all of it. Without any group, every record is unread. */
async function hasUnread(
  admin: Admin,
  topic: string,
  partitionCount: number,
  ends: ReadonlyMap<number, bigint>,
): Promise<boolean> {
  const partitionIndexes = Array.from({ length: partitionCount }, (_, partition) => partition);
  const groups = [...(await admin.listGroups()).keys()].map((groupId) => {
    return { groupId, topics: [{ name: topic, partitionIndexes }] };
  });
  const answers = groups.length === 0 ? [] : await admin.listConsumerGroupOffsets({ groups });
  const readers = answers.map((answer) => new Map(toCommittedOffsets(answer))).filter(({ size }) => size > 0);
  if (readers.length === 0) return ends.size > 0;
  return readers.some((offsets) => [...ends].some(([partition, end]) => (offsets.get(partition) ?? 0n) < end));
}
