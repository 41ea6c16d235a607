import { expect, test } from 'bun:test';

import { Consumer } from '@platformatic/kafka';

import type { LoggedEvent } from '../src/events/index.ts';
import { range, waitUntil } from '../src/testing/index.ts';
import {
  KEY_COUNT,
  committedOffset,
  createTopic,
  describeWithKafka,
  expectFirstsInOrder,
  openAdmin,
  openLog,
  publishReliably,
  recordNumbers,
  startMemberProcess,
  toEvent,
} from './events-kafka-setup.ts';

describeWithKafka('members of a group on Kafka', () => {
  test('a member that is killed is replaced after its session, and nothing stays unread', async () => {
    const { brokers, topic, group } = await createTopic(6);
    await using log = openLog(brokers);
    await using killed = startMemberProcess(brokers, topic, group);
    await using survivor = startMemberProcess(brokers, topic, group);
    const handled = () => [...killed.numbers, ...survivor.numbers];
    const waitFor = (count: number) =>
      waitUntil(() => new Set(handled()).size === count, { what: `${count} are handled`, timeoutMs: 20_000 });
    await publishReliably(log, topic, range(100));
    await waitFor(100);
    await publishReliably(log, topic, range(200).slice(100));
    killed.kill('SIGKILL');
    await publishReliably(log, topic, range(300).slice(200));
    await waitFor(300);
    expectFirstsInOrder(handled(), 300);
  }, 60_000);

  test('a member that was paused for longer than its session starts no handler when it wakes up', async () => {
    const { brokers, topic, group } = await createTopic(6);
    await using log = openLog(brokers);
    // One fetch of the first member brings all of these, and handling them takes it more than a second.
    await log.publish(range(2_400).map((n) => toEvent(topic, n)));
    await using zombie = startMemberProcess(brokers, topic, group, 20);
    await waitUntil(() => zombie.numbers.length >= 60, { what: 'it handles events, and many wait in its buffers' });
    zombie.kill('SIGSTOP');
    await publishReliably(log, topic, range(2_460).slice(2_400));
    await using successor = startMemberProcess(brokers, topic, group);
    const waitFor = (count: number) =>
      waitUntil(() => new Set([...zombie.numbers, ...successor.numbers]).size === count, {
        what: `${count} are handled`,
        timeoutMs: 20_000,
      });
    await waitFor(2_460);
    const beforePause = [...zombie.numbers];
    zombie.kill('SIGCONT');
    // The zombie gets time in which it could do harm. Its handlers that were paused end and would be followed by others.
    await Bun.sleep(2_000);
    expect(zombie.numbers.slice(beforePause.length)).toEqual([]);
    await publishReliably(log, topic, range(2_520).slice(2_460));
    await waitFor(2_520);
    const afterPause = zombie.numbers.slice(beforePause.length);
    expectFirstsInOrder([...beforePause, ...successor.numbers, ...afterPause], 2_520);
  }, 90_000);

  test('a new member waits for running handlers: no partition has two at once, and nothing is delivered twice', async () => {
    const { brokers, topic, group } = await createTopic(6);
    await using log = openLog(brokers);
    await using otherLog = openLog(brokers);
    await publishReliably(log, topic, range(120));
    const recorder = recordNumbers();
    const busyPartitions = new Set<number>();
    const overlaps: number[] = [];
    const handler = async (events: readonly LoggedEvent[]) => {
      const { partition = -1 } = events[0] ?? {};
      if (busyPartitions.has(partition)) overlaps.push(partition);
      busyPartitions.add(partition);
      // Longer than the half second that a handler gets after its signal has aborted.
      await Bun.sleep(800);
      await recorder.handler(events);
      busyPartitions.delete(partition);
    };
    await using _ = log.subscribe({ topic, group, maxBatchEvents: 5, handler });
    await waitUntil(() => busyPartitions.size > 0, { what: 'the first member works' });
    await using second = otherLog.subscribe({ topic, group, maxBatchEvents: 5, handler });
    await waitUntil(() => recorder.numbers.length >= 120, { what: 'all are handled', timeoutMs: 20_000 });
    expect(second.partitions).toHaveLength(3);
    expect(overlaps).toEqual([]);
    expect(recorder.numbers).toHaveLength(120);
    expectFirstsInOrder(recorder.numbers, 120);
  }, 60_000);

  test('the signal of a slow handler aborts before its partition is given to another member', async () => {
    const { brokers, topic, group } = await createTopic(2);
    await using log = openLog(brokers);
    await using otherLog = openLog(brokers);
    await publishReliably(log, topic, range(KEY_COUNT));
    const happened: string[] = [];
    await using _ = log.subscribe({
      topic,
      group,
      handler: async (events, { signal }) => {
        if (happened.includes('aborted')) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        happened.push('aborted');
        throw new Error(`${events.length} events are not handled`);
      },
    });
    await Bun.sleep(1_000);
    await using __ = otherLog.subscribe({ topic, group, handler: async () => void happened.push('handled') });
    await waitUntil(() => happened.includes('handled'), { what: 'the other member handles', timeoutMs: 20_000 });
    expect(happened[0]).toBe('aborted');
  }, 60_000);

  test('an offset that a zombie has set back is committed again, and no event is delivered twice', async () => {
    const { brokers, topic, group } = await createTopic(1);
    await using log = openLog(brokers);
    const { numbers, handler } = recordNumbers();
    await using _ = log.subscribe({ topic, group, handler });
    await publishReliably(log, topic, range(50));
    const isAllCommitted = async () => (await committedOffset(brokers, group, topic)) === 50n;
    await waitUntil(isAllCommitted, { what: 'all events are committed' });
    await setBack(brokers, group, topic, 7n);
    expect(await committedOffset(brokers, group, topic)).toBe(7n);
    await waitUntil(isAllCommitted, { what: 'all events are committed again' });
    expect(numbers).toHaveLength(50);
  }, 30_000);
});

/** Commits an offset in the name of the group's member, as a zombie would. */
async function setBack(brokers: readonly string[], group: string, topic: string, offset: bigint): Promise<void> {
  await using admin = openAdmin(brokers);
  const members = (await admin.describeGroups({ groups: [group] })).get(group)?.members;
  const zombie = new Consumer({ clientId: 'test', bootstrapBrokers: [...brokers], groupId: group, retries: 0 });
  zombie.memberId = [...(members?.keys() ?? [])][0] ?? null;
  const hasGuessedGeneration = async () => {
    zombie.generationId += 1;
    return await zombie.commit({ offsets: [{ topic, partition: 0, offset, leaderEpoch: -1 }] }).then(
      () => true,
      () => false,
    );
  };
  await waitUntil(hasGuessedGeneration, { what: 'the generation of the group is guessed' });
  await zombie.close(true);
}
