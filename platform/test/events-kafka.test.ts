import { describe, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { Admin, Consumer } from '@platformatic/kafka';

import { systemClock } from '../src/concurrency/index.ts';
import { eventLogContract } from './event-log-contract.ts';
import { type EventLog, type LoggedEvent, RecordRefusedError } from '../src/events/index.ts';
import { type KafkaLogDeps, openKafkaLog } from '../src/events/kafka/index.ts';
import { createGroupMembership } from '../src/events/kafka/group-membership.ts';
import { kafkaOfThisRun, missingKafka, openTestKafka, waitUntil } from '../src/testing/index.ts';

const openLog = (
  brokers: readonly string[],
  { rejoinLimitMs, ...more }: Partial<KafkaLogDeps> & { rejoinLimitMs?: number } = {},
): EventLog => {
  const deps: KafkaLogDeps = {
    connection: { brokers, clientId: 'test' },
    instance: randomUUID(),
    replicationFactor: 1,
    minInSyncReplicas: 1,
    clock: systemClock,
    random: Math.random,
    onError: () => {},
    // Nothing is read from then on: the wait that follows in vain says why.
    giveUp: (error) => console.error(error),
    ...more,
  };
  return openKafkaLog(deps, rejoinLimitMs === undefined ? {} : { rejoinLimitMs });
};

function openAdmin(brokers: readonly string[]): Admin & AsyncDisposable {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [...brokers] });
  return Object.assign(admin, { [Symbol.asyncDispose]: () => admin.close() });
}

/** Topics and groups of its own on the shared broker. */
function withPrefix(log: EventLog, prefix: string): EventLog {
  const of = (name: string) => `${prefix}.${name}`;
  return {
    ensureTopic: (topic, partitions) => log.ensureTopic(of(topic), partitions),
    publish: (events) => log.publish(events.map((event) => ({ ...event, topic: of(event.topic) }))),
    subscribe: (options) => log.subscribe({ ...options, topic: of(options.topic), group: of(options.group) }),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

const KEYS = 12;
const event = (topic: string, n: number) => ({
  topic,
  key: `k${n % KEYS}`,
  value: new TextEncoder().encode(String(n)),
  headers: {},
});
const numberOf = ({ value }: LoggedEvent) => Number(new TextDecoder().decode(value));
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

/** As the relay does it: what was not acknowledged is sent again, before anything behind it. */
async function publishSurely(log: EventLog, topic: string, numbers: readonly number[]): Promise<void> {
  for (const n of numbers) {
    const sent = () =>
      log.publish([event(topic, n)]).then(
        () => true,
        () => false,
      );
    await waitUntil(sent, { what: `${n} is acknowledged`, timeoutMs: 60_000 });
  }
}

/** Every number once, and those of a key in order. */
function expectFirstsInOrder(numbers: readonly number[], count: number): void {
  const firsts = [...new Set(numbers)];
  expect(firsts.length).toBe(count);
  for (const k of upTo(KEYS))
    expect(firsts.filter((n) => n % KEYS === k)).toEqual(upTo(count).filter((n) => n % KEYS === k));
}

async function committedOf(brokers: readonly string[], group: string, topic: string): Promise<bigint> {
  await using admin = openAdmin(brokers);
  const [found] = await admin.listConsumerGroupOffsets({
    groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }],
  });
  return found?.topics[0]?.partitions[0]?.committedOffset ?? -1n;
}

/** A member in a process of its own. */
function startMember(brokers: readonly string[], topic: string, group: string) {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, 'kafka-member.ts'), brokers.join(','), topic, group, randomUUID()],
    { stdout: 'pipe', stderr: 'ignore' },
  );
  const numbers: number[] = [];
  const reading = (async () => {
    let rest = '';
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      numbers.push(...lines.map((line) => Number(line.split(' ')[1])));
    }
  })();
  return {
    numbers,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await reading;
    },
  };
}

function kafkaFaults(): void {
  test('the broker is killed and comes back: nothing is lost, and first occurrences stay in order', async () => {
    await using kafka = await openTestKafka();
    await using log = openLog(kafka.brokers);
    await log.ensureTopic('t', 6);
    const seen: number[] = [];
    await using _ = log.subscribe({
      topic: 't',
      group: 'g',
      handler: async (events) => void seen.push(...events.map(numberOf)),
    });
    const publishing = publishSurely(log, 't', upTo(600));
    await waitUntil(() => new Set(seen).size >= 200, { what: 'some are read', timeoutMs: 30_000 });
    await kafka.kill();
    await Bun.sleep(1_000);
    await kafka.start();
    await publishing;
    await waitUntil(() => new Set(seen).size === 600, { what: 'all are read', timeoutMs: 30_000 });
    expectFirstsInOrder(seen, 600);
  }, 90_000);

  test('of three brokers a leader and the coordinator of the group are killed: nothing is lost, first occurrences in order', async () => {
    await using kafka = await openTestKafka(3);
    await using log = openLog(kafka.brokers, { replicationFactor: 3, minInSyncReplicas: 2 });
    await log.ensureTopic('t', 6);
    const seen: number[] = [];
    const handler = async (events: readonly LoggedEvent[]) => void seen.push(...events.map(numberOf));
    await using _ = log.subscribe({ topic: 't', group: 'g', handler });
    await publishSurely(log, 't', upTo(50));
    await waitUntil(() => seen.length >= 50, { what: 'it reads', timeoutMs: 20_000 });
    await using admin = openAdmin(kafka.brokers);
    const partitions = async () =>
      (await admin.metadata({ topics: ['t'], forceUpdate: true })).topics.get('t')?.partitions;
    const [coordinator] = await admin.findCoordinator({ keyType: 0, keys: ['g'] });
    const leader = (await partitions())?.find(({ leader: id }) => id !== coordinator?.nodeId)?.leader;
    for (const [round, id] of [leader, coordinator?.nodeId].entries()) {
      await kafka.kill(id);
      const count = 50 * (round + 2);
      await publishSurely(log, 't', upTo(count).slice(count - 50));
      await waitUntil(() => new Set(seen).size === count, { what: 'it reads on', timeoutMs: 30_000 });
      await kafka.start(id);
      const isInSync = async () => (await partitions())?.every(({ isr }) => isr.length === 3) ?? false;
      await waitUntil(isInSync, { what: 'all have everything', timeoutMs: 30_000 });
    }
    expectFirstsInOrder(seen, 150);
  }, 120_000);

  test('a member that is killed is replaced within its session, and nothing stays unread', async () => {
    const { brokers } = await kafkaOfThisRun();
    const [topic, group] = [randomUUID(), randomUUID()];
    await using log = openLog(brokers);
    await log.ensureTopic(topic, 6);
    await using dying = startMember(brokers, topic, group);
    await using left = startMember(brokers, topic, group);
    await publishSurely(log, topic, upTo(100));
    await waitUntil(() => new Set([...dying.numbers, ...left.numbers]).size === 100, { what: 'both read' });
    await publishSurely(log, topic, [...upTo(200)].slice(100));
    dying.kill('SIGKILL');
    await publishSurely(log, topic, upTo(300).slice(200));
    const all = () => [...dying.numbers, ...left.numbers];
    await waitUntil(() => new Set(all()).size === 300, { what: 'the other one has read all', timeoutMs: 20_000 });
    expectFirstsInOrder(all(), 300);
  }, 60_000);

  test('a member that was paused and overtaken handles nothing of what was given to another one', async () => {
    const { brokers } = await kafkaOfThisRun();
    const [topic, group] = [randomUUID(), randomUUID()];
    await using log = openLog(brokers);
    await log.ensureTopic(topic, 6);
    await using paused = startMember(brokers, topic, group);
    await publishSurely(log, topic, upTo(60));
    await waitUntil(() => new Set(paused.numbers).size === 60, { what: 'it reads all partitions' });
    paused.kill('SIGSTOP');
    await using other = startMember(brokers, topic, group);
    await publishSurely(log, topic, upTo(240).slice(60));
    const isRead = () => new Set([...paused.numbers, ...other.numbers]).size;
    await waitUntil(() => isRead() === 240, { what: 'the other one has read all', timeoutMs: 20_000 });
    paused.kill('SIGCONT');
    // Time for it to do harm.
    await Bun.sleep(2_000);
    expect(paused.numbers.filter((n) => n >= 60)).toEqual([]);
    await publishSurely(log, topic, upTo(300).slice(240));
    await waitUntil(() => isRead() === 300, { what: 'both read on', timeoutMs: 20_000 });
    expectFirstsInOrder([...paused.numbers.slice(0, 60), ...other.numbers, ...paused.numbers.slice(60)], 300);
  }, 90_000);

  test('a new member waits for the handlers at work: no partition has two at once, and nothing comes twice', async () => {
    const { brokers } = await kafkaOfThisRun();
    const [topic, group] = [randomUUID(), randomUUID()];
    await using log = openLog(brokers);
    await using other = openLog(brokers);
    await log.ensureTopic(topic, 6);
    await publishSurely(log, topic, upTo(120));
    const busy = new Set<number>();
    const overlaps: number[] = [];
    const numbers: number[] = [];
    const handler = async (events: readonly LoggedEvent[]) => {
      const { partition = -1 } = events[0] ?? {};
      if (busy.has(partition)) overlaps.push(partition);
      busy.add(partition);
      // Longer than a handler gets whose signal has aborted.
      await Bun.sleep(800);
      numbers.push(...events.map(numberOf));
      busy.delete(partition);
    };
    await using _ = log.subscribe({ topic, group, maxBatchEvents: 5, handler });
    await waitUntil(() => busy.size > 0, { what: 'the first one works' });
    await using second = other.subscribe({ topic, group, maxBatchEvents: 5, handler });
    await waitUntil(() => numbers.length >= 120, { what: 'all are handled', timeoutMs: 20_000 });
    expect(second.partitions).toHaveLength(3);
    expect(overlaps).toEqual([]);
    expect(numbers.length).toBe(120);
    expectFirstsInOrder(numbers, 120);
  }, 60_000);

  test('a handler that does not end in time hears of it before its partition is given to another member', async () => {
    const { brokers } = await kafkaOfThisRun();
    const [topic, group] = [randomUUID(), randomUUID()];
    await using log = openLog(brokers);
    await using other = openLog(brokers);
    await log.ensureTopic(topic, 2);
    await publishSurely(log, topic, upTo(KEYS));
    const happened: string[] = [];
    await using _ = log.subscribe({
      topic,
      group,
      handler: async (events, { signal }) => {
        if (happened.includes('aborted')) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        happened.push('aborted');
        throw new Error(`${events.length} are given up`);
      },
    });
    await Bun.sleep(1_000);
    await using __ = other.subscribe({ topic, group, handler: async () => void happened.push('handled') });
    await waitUntil(() => happened.includes('handled'), { what: 'the other one handles', timeoutMs: 20_000 });
    expect(happened[0]).toBe('aborted');
  }, 60_000);

  test('partitions that are added are read too; events that are gone are passed over', async () => {
    const { brokers } = await kafkaOfThisRun();
    const [topic, group] = [randomUUID(), randomUUID()];
    await using log = openLog(brokers);
    await log.ensureTopic(topic, 1);
    await publishSurely(log, topic, upTo(20));
    await using admin = openAdmin(brokers);
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 15n }] }] });
    await using reader = openLog(brokers);
    const numbers: number[] = [];
    await using member = reader.subscribe({
      topic,
      group,
      handler: async (events) => void numbers.push(...events.map(numberOf)),
    });
    await waitUntil(() => numbers.length === 5, { what: 'what is left is read' });
    expect(numbers).toEqual([15, 16, 17, 18, 19]);
    await waitUntil(async () => (await committedOf(brokers, group, topic)) === 20n, { what: 'all is committed' });
    await log.ensureTopic(topic, 3);
    await waitUntil(() => member.partitions.length === 3, { what: 'it holds the new ones', timeoutMs: 20_000 });
    await publishSurely(log, topic, upTo(60).slice(20));
    await waitUntil(() => numbers.length === 45, { what: 'the new ones are read' });
  }, 60_000);

  test("a group's offset that was set back is committed again", async () => {
    const { brokers } = await kafkaOfThisRun();
    const [topic, group] = [randomUUID(), randomUUID()];
    await using log = openLog(brokers);
    await log.ensureTopic(topic, 1);
    let handled = 0;
    await using _ = log.subscribe({ topic, group, handler: async (events) => void (handled += events.length) });
    await publishSurely(log, topic, upTo(50));
    await waitUntil(async () => (await committedOf(brokers, group, topic)) === 50n, { what: 'all is committed' });
    await setBack(brokers, group, topic, 7n);
    expect(await committedOf(brokers, group, topic)).toBe(7n);
    await waitUntil(async () => (await committedOf(brokers, group, topic)) === 50n, { what: 'it is committed again' });
    expect(handled).toBe(50);
  }, 30_000);

  test('a broker that hangs: a send fails in time; the group is left and joined anew, and read on', async () => {
    await using kafka = await openTestKafka();
    const doubts: unknown[] = [];
    await using log = openLog(kafka.brokers, { onError: (error) => void doubts.push(error) });
    await log.ensureTopic('t', 2);
    const seen: number[] = [];
    const handler = async (events: readonly LoggedEvent[]) => void seen.push(...events.map(numberOf));
    await using member = log.subscribe({ topic: 't', group: 'g', handler });
    await publishSurely(log, 't', upTo(10));
    await waitUntil(() => seen.length === 10, { what: 'it reads' });
    const [pid = 0] = kafka.pids();
    process.kill(pid, 'SIGSTOP');
    const sent = log.publish([event('t', 10)]).catch((error: unknown) => error);
    try {
      const isLeft = () => doubts.some((doubt) => !String(doubt).includes('fetching'));
      await waitUntil(isLeft, { what: 'the group is left', timeoutMs: 30_000 });
      expect(await sent).toMatchObject({ kind: 'unavailable' });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await publishSurely(log, 't', [10]);
    await waitUntil(() => new Set(seen).size === 11, { what: 'it reads on', timeoutMs: 30_000 });
    expect(member.partitions).toEqual([0, 1]);
  }, 90_000);

  test('a place in a group is not sure any more, and then lost, while the group does not answer; sure again when it does', async () => {
    await using kafka = await openTestKafka();
    await using log = openLog(kafka.brokers);
    await log.ensureTopic('t', 2);
    const limits = { sessionMs: 6_000, heartbeatMs: 200, maxHeartbeatAgeMs: 1_500, answerLimitMs: 3_000 };
    const shares: (readonly number[])[] = [];
    const connection = { brokers: kafka.brokers, clientId: 'test' };
    const options = { connection, topic: 't', group: 'g', instance: 'i' };
    const membership = createGroupMembership(systemClock, limits, options);
    const seen = () => [membership.isCurrent(), membership.isSilent()];
    expect(seen()).toEqual([false, false]);
    await membership.join({
      onRevoke: async () => {},
      onAssign: (partitions) => void shares.push(partitions),
      onFailure: () => {},
    });
    expect([seen(), shares]).toEqual([[true, false], [[0, 1]]]);
    // Longer than an answer counts: it is the heartbeats that keep it sure.
    await Bun.sleep(2 * limits.maxHeartbeatAgeMs);
    expect(seen()).toEqual([true, false]);
    const [pid = 0] = kafka.pids();
    process.kill(pid, 'SIGSTOP');
    try {
      await waitUntil(() => seen().join() === 'false,true', { what: 'it is lost' });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await waitUntil(() => seen().join() === 'true,false', { what: 'it is sure again' });
    expect(await membership.leave(10_000)).toBe(true);
  }, 60_000);

  test('a group that cannot be left in time: the process is told to end, and nothing is read any more', async () => {
    await using kafka = await openTestKafka();
    const given: Error[] = [];
    await using log = openLog(kafka.brokers, { rejoinLimitMs: 2_000, giveUp: (error) => void given.push(error) });
    await log.ensureTopic('t', 2);
    await using member = log.subscribe({ topic: 't', group: 'g', handler: async () => {} });
    await waitUntil(() => member.partitions.length === 2, { what: 'it holds both' });
    const [pid = 0] = kafka.pids();
    process.kill(pid, 'SIGSTOP');
    try {
      await waitUntil(() => given.length === 1, { what: 'it gives up', timeoutMs: 20_000 });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(given[0]?.message).toBe('group g could not be left in 2000 ms, so the process must exit');
    expect(member.partitions).toEqual([]);
    await publishSurely(log, 't', [1]);
  }, 60_000);
}

function kafkaRefusals(): void {
  const [topic, known] = [randomUUID(), randomUUID()];
  const huge = 'x'.repeat(3_000_000);

  test('a record that is too large is refused by name when it was sent alone, and not when it was one of several', async () => {
    await using log = openLog((await kafkaOfThisRun()).brokers);
    await log.ensureTopic(topic, 2);
    const tooLarge = [
      { ...event(topic, 1), value: new Uint8Array(1024 * 1024 + 1) },
      { ...event(topic, 1), headers: { huge } },
    ];
    for (const record of tooLarge) {
      expect(await log.publish([record]).catch((error: unknown) => error)).toBeInstanceOf(RecordRefusedError);
      await expect(log.publish([event(topic, 2), record])).rejects.toMatchObject({ kind: 'invalid-argument' });
    }
    expect(await log.publish([event(topic, 3)])).toHaveLength(1);
  });

  test('a topic that was made here and is gone is no fault of a record', async () => {
    const { brokers } = await kafkaOfThisRun();
    await using log = openLog(brokers);
    await log.ensureTopic(known, 2);
    await using admin = openAdmin(brokers);
    await admin.deleteTopics({ topics: [known] });
    await expect(log.publish([event(known, 1)])).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('a topic has the partitions, replicas and in-sync replicas that were asked for, and time deletes nothing of it', async () => {
    const { brokers } = await kafkaOfThisRun();
    await using log = openLog(brokers);
    await log.ensureTopic(`${topic}-settings`, 5);
    await using admin = openAdmin(brokers);
    const { topics } = await admin.metadata({ topics: [`${topic}-settings`] });
    const resources = [{ resourceType: 2, resourceName: `${topic}-settings`, configurationKeys: null }] as const;
    const [described] = await admin.describeConfigs({ resources: [...resources] as never });
    expect(topics.get(`${topic}-settings`)?.partitions.map(({ replicas }) => replicas.length)).toEqual([1, 1, 1, 1, 1]);
    const settings = Object.fromEntries(described?.configs.map(({ name, value }) => [name, value]) ?? []);
    expect(settings).toMatchObject({
      'min.insync.replicas': '1',
      'retention.ms': '-1',
      'max.message.bytes': '2097152',
    });
  });

  test('a topic that promises less than was asked for is refused, with what it lacks', async () => {
    const { brokers } = await kafkaOfThisRun();
    await using admin = openAdmin(brokers);
    const name = `${topic}-short-lived`;
    await admin.createTopics({ topics: [name], partitions: 2, configs: [{ name: 'retention.ms', value: '60000' }] });
    await using log = openLog(brokers, { replicationFactor: 3, minInSyncReplicas: 2 });
    const refused = await log.ensureTopic(name, 2).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'failed-precondition' });
    expect(String(refused)).toContain('replicas 1, not 3; min.insync.replicas 1, not 2; max.message.bytes');
    expect(String(refused)).toContain('retention.ms 60000, not -1');
  });

  test('records are sent by an idempotent producer, each batch in its turn', async () => {
    const { brokers } = await kafkaOfThisRun();
    await using log = openLog(brokers);
    const name = `${topic}-batches`;
    await log.ensureTopic(name, 1);
    await Promise.all(upTo(5).map((n) => log.publish([event(name, n)])));
    const consumer = new Consumer({ clientId: 'test', bootstrapBrokers: [...brokers], groupId: name });
    consumer.topics.track(name);
    const found = (await consumer.metadata({ topics: [name] })).topics.get(name);
    const at = { partition: 0, fetchOffset: 0n, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1e6 };
    const topics = [{ topicId: found?.id ?? '', partitions: [at] }];
    const node = found?.partitions[0]?.leader ?? -1;
    const { responses } = await consumer.fetch({ node, topics, maxWaitTime: 500, minBytes: 1, maxBytes: 1e6 });
    await consumer.close(true);
    const batches = responses[0]?.partitions[0]?.records ?? [];
    expect(batches.map(({ firstSequence }) => firstSequence)).toEqual(upTo(5));
    for (const { producerId } of batches) expect(producerId).toBeGreaterThanOrEqual(0n);
  });
}

/** As a woken zombie would: it commits in the name of the group's member. */
async function setBack(brokers: readonly string[], group: string, topic: string, offset: bigint): Promise<void> {
  await using admin = openAdmin(brokers);
  const members = (await admin.describeGroups({ groups: [group] })).get(group)?.members;
  const zombie = new Consumer({ clientId: 'test', bootstrapBrokers: [...brokers], groupId: group, retries: 0 });
  zombie.memberId = [...(members?.keys() ?? [])][0] ?? null;
  const commit = async () => {
    zombie.generationId += 1;
    return await zombie.commit({ offsets: [{ topic, partition: 0, offset, leaderEpoch: -1 }] }).then(
      () => true,
      () => false,
    );
  };
  await waitUntil(commit, { what: 'its generation is guessed' });
  await zombie.close(true);
}

const missing = await missingKafka();
if (missing === undefined) {
  eventLogContract('Kafka', async () => {
    const { brokers } = await kafkaOfThisRun();
    const stack = new AsyncDisposableStack();
    const prefix = randomUUID();
    const openAnother = async () => stack.use(withPrefix(openLog(brokers), prefix));
    return {
      log: await openAnother(),
      openAnother,
      takeoverMs: 20_000,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  });
  describe('what Kafka refuses', kafkaRefusals);
  describe('Kafka in trouble', kafkaFaults);
} else {
  test.skip(`the event log on Kafka: ${missing}`, () => {});
}
