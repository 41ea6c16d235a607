import { expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { Consumer } from '@platformatic/kafka';

import { RecordRefusedError } from '../src/events/index.ts';
import { kafkaOfThisRun, range, waitUntil } from '../src/testing/index.ts';
import {
  committedOffset,
  createTopic,
  describeWithKafka,
  openAdmin,
  openLog,
  publishReliably,
  recordNumbers,
  toEvent,
} from './events-kafka-setup.ts';

describeWithKafka('topics on Kafka', () => {
  test('a record that is too large throws RecordRefusedError, or invalid-argument in a batch', async () => {
    const { brokers, topic } = await createTopic(2);
    await using log = openLog(brokers);
    const tooLarge = [
      { ...toEvent(topic, 1), value: new Uint8Array(1024 * 1024 + 1) },
      { ...toEvent(topic, 1), headers: { huge: 'x'.repeat(3_000_000) } },
    ];
    for (const record of tooLarge) {
      expect(await log.publish([record]).catch((error: unknown) => error)).toBeInstanceOf(RecordRefusedError);
      await expect(log.publish([toEvent(topic, 2), record])).rejects.toMatchObject({ kind: 'invalid-argument' });
    }
    expect(await log.publish([toEvent(topic, 3)])).toHaveLength(1);
  });

  test('a record is not at fault when its topic was created here and then deleted', async () => {
    const { brokers } = await kafkaOfThisRun();
    await using log = openLog(brokers);
    const topic = randomUUID();
    await log.ensureTopic(topic, 2);
    await using admin = openAdmin(brokers);
    await admin.deleteTopics({ topics: [topic] });
    await expect(log.publish([toEvent(topic, 1)])).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('a new topic has the wanted partitions and replicas, and is never deleted by age', async () => {
    const { brokers, topic } = await createTopic(5);
    await using admin = openAdmin(brokers);
    const { topics } = await admin.metadata({ topics: [topic] });
    expect(topics.get(topic)?.partitions.map(({ replicas }) => replicas.length)).toEqual([1, 1, 1, 1, 1]);
    const resources = [{ resourceType: 2, resourceName: topic, configurationKeys: null }];
    const [described] = await admin.describeConfigs({ resources: resources as never });
    expect(Object.fromEntries(described?.configs.map(({ name, value }) => [name, value]) ?? [])).toMatchObject({
      'min.insync.replicas': '1',
      'retention.ms': '-1',
      'max.message.bytes': '2097152',
    });
  });

  test('a topic that promises less than it should is refused, and the error lists the differences', async () => {
    const { brokers } = await kafkaOfThisRun();
    const topic = randomUUID();
    await using admin = openAdmin(brokers);
    await admin.createTopics({ topics: [topic], partitions: 2, configs: [{ name: 'retention.ms', value: '60000' }] });
    await using log = openLog(brokers, { replicationFactor: 3, minInSyncReplicas: 2 });
    const refused = await log.ensureTopic(topic, 2).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'failed-precondition' });
    expect(String(refused)).toContain('replicas 1, not 3; min.insync.replicas 1, not 2; max.message.bytes');
    expect(String(refused)).toContain('retention.ms 60000, not -1');
  });

  test('a reader continues after deleted records, and reads partitions that are added', async () => {
    const { brokers, topic, group } = await createTopic(1);
    await using log = openLog(brokers);
    await publishReliably(log, topic, range(20));
    await using admin = openAdmin(brokers);
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 15n }] }] });
    const { numbers, handler } = recordNumbers();
    await using readerLog = openLog(brokers);
    await using member = readerLog.subscribe({ topic, group, handler });
    await waitUntil(() => numbers.length === 5, { what: 'the remaining records are read' });
    expect(numbers).toEqual([15, 16, 17, 18, 19]);
    const isAllCommitted = async () => (await committedOffset(brokers, group, topic)) === 20n;
    await waitUntil(isAllCommitted, { what: 'all events are committed' });
    // The member must notice the new partitions by itself, because another process adds them.
    await log.ensureTopic(topic, 3);
    await waitUntil(() => member.partitions.length === 3, { what: 'it holds the new partitions', timeoutMs: 20_000 });
    await publishReliably(log, topic, range(60).slice(20));
    await waitUntil(() => numbers.length === 45, { what: 'the new partitions are read' });
  }, 60_000);

  test('batches are sent one at a time by an idempotent producer', async () => {
    const { brokers, topic } = await createTopic(1);
    await using log = openLog(brokers);
    await Promise.all(range(5).map((n) => log.publish([toEvent(topic, n)])));
    const batches = await fetchBatches(brokers, topic);
    expect(batches.map(({ firstSequence }) => firstSequence)).toEqual(range(5));
    for (const { producerId } of batches) expect(producerId).toBeGreaterThanOrEqual(0n);
  });
});

/** Fetches the record batches of partition 0 as the broker keeps them. */
async function fetchBatches(brokers: readonly string[], topic: string) {
  const consumer = new Consumer({ clientId: 'test', bootstrapBrokers: [...brokers], groupId: topic });
  consumer.topics.track(topic);
  const found = (await consumer.metadata({ topics: [topic] })).topics.get(topic);
  const fromStart = {
    partition: 0,
    fetchOffset: 0n,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 1e6,
  };
  const { responses } = await consumer.fetch({
    node: found?.partitions[0]?.leader ?? -1,
    topics: [{ topicId: found?.id ?? '', partitions: [fromStart] }],
    maxWaitTime: 500,
    minBytes: 1,
    maxBytes: 1e6,
  });
  await consumer.close(true);
  return responses[0]?.partitions[0]?.records ?? [];
}
