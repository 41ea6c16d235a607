import { expect, test } from 'bun:test';

import { systemClock } from '../src/concurrency/index.ts';
import { createGroupMembership } from '../src/events/kafka/group-membership.ts';
import { openTestKafka, range, waitUntil } from '../src/testing/index.ts';
import {
  describeWithKafka,
  expectFirstsInOrder,
  openAdmin,
  openLog,
  publishReliably,
  recordNumbers,
  toEvent,
  whilePaused,
} from './events-kafka-setup.ts';

describeWithKafka('Kafka with failing brokers', () => {
  test('a broker that is killed and restarted loses nothing, and first deliveries stay in order', async () => {
    await using kafka = await openTestKafka();
    await using log = openLog(kafka.brokers);
    await log.ensureTopic('t', 6);
    const { numbers, handler, waitFor } = recordNumbers();
    await using _ = log.subscribe({ topic: 't', group: 'g', handler });
    const publishing = publishReliably(log, 't', range(600));
    await waitFor(200);
    await kafka.kill();
    await Bun.sleep(1_000);
    await kafka.start();
    await publishing;
    await waitFor(600);
    expectFirstsInOrder(numbers, 600);
  }, 90_000);

  test('a cluster of three brokers loses nothing when a leader and the coordinator of the group are killed', async () => {
    await using kafka = await openTestKafka(3);
    await using log = openLog(kafka.brokers, { replicationFactor: 3, minInSyncReplicas: 2 });
    await log.ensureTopic('t', 6);
    const { numbers, handler, waitFor } = recordNumbers();
    await using _ = log.subscribe({ topic: 't', group: 'g', handler });
    await publishReliably(log, 't', range(50));
    await waitFor(50);

    await using admin = openAdmin(kafka.brokers);
    const partitions = async () =>
      (await admin.metadata({ topics: ['t'], forceUpdate: true })).topics.get('t')?.partitions ?? [];
    const areReplicasInSync = async () => (await partitions()).every(({ isr }) => isr.length === 3);
    const [coordinator] = await admin.findCoordinator({ keyType: 0, keys: ['g'] });
    const leader = (await partitions()).find(({ leader: id }) => id !== coordinator?.nodeId)?.leader;
    let count = 50;
    for (const id of [leader, coordinator?.nodeId]) {
      await kafka.kill(id);
      await publishReliably(log, 't', range(count + 50).slice(count));
      count += 50;
      await waitFor(count);
      await kafka.start(id);
      await waitUntil(areReplicasInSync, { what: 'all replicas are in sync', timeoutMs: 30_000 });
    }
    expectFirstsInOrder(numbers, 150);
  }, 120_000);

  test('while a broker does not answer, a send fails in time; afterwards the group is joined again', async () => {
    await using kafka = await openTestKafka();
    const errors: unknown[] = [];
    await using log = openLog(kafka.brokers, { onError: (error) => void errors.push(error) });
    await log.ensureTopic('t', 2);
    const { handler, waitFor } = recordNumbers();
    await using member = log.subscribe({ topic: 't', group: 'g', handler });
    await publishReliably(log, 't', range(10));
    await waitFor(10);
    await whilePaused(kafka.pids()[0], async () => {
      const sent = log.publish([toEvent('t', 10)]).catch((error: unknown) => error);
      const hasSessionFailed = () => errors.some((error) => String(error).includes('reading as group g'));
      await waitUntil(hasSessionFailed, { what: 'the session has failed', timeoutMs: 30_000 });
      expect(await sent).toMatchObject({ kind: 'unavailable' });
    });
    await publishReliably(log, 't', [10]);
    await waitFor(11);
    expect(member.partitions).toEqual([0, 1]);
  }, 90_000);

  test('while the group does not answer, a membership stops being current, and later is silent', async () => {
    await using kafka = await openTestKafka();
    await using log = openLog(kafka.brokers);
    await log.ensureTopic('t', 2);
    const limits = { sessionMs: 6_000, heartbeatMs: 200, maxHeartbeatAgeMs: 1_500, answerLimitMs: 3_000 };
    const connection = { brokers: kafka.brokers, clientId: 'test' };
    const options = { connection, topic: 't', group: 'g', instance: 'i' };
    const membership = createGroupMembership(systemClock, limits, options);
    const state = () => (membership.isCurrent() ? 'current' : membership.isSilent() ? 'silent' : 'not current');
    expect(state()).toBe('not current');
    const assignments: (readonly number[])[] = [];
    await membership.join({
      onRevoke: async () => {},
      onAssign: (partitions) => void assignments.push(partitions),
      onFailure: () => {},
    });
    expect([state(), assignments]).toEqual(['current', [[0, 1]]]);
    // By now the answer to the join is too old, and the heartbeats keep the membership current.
    await Bun.sleep(2 * limits.maxHeartbeatAgeMs);
    expect(state()).toBe('current');
    await whilePaused(kafka.pids()[0], async () => {
      await waitUntil(() => state() === 'silent', { what: 'the membership is silent' });
    });
    await waitUntil(() => state() === 'current', { what: 'the membership is current again' });
    expect(await membership.leave(10_000)).toBe(true);
  }, 60_000);

  test('a group that cannot be left in time makes the subscription give up and hold nothing', async () => {
    await using kafka = await openTestKafka();
    const gaveUp: Error[] = [];
    await using log = openLog(kafka.brokers, { rejoinLimitMs: 2_000, giveUp: (error) => void gaveUp.push(error) });
    await log.ensureTopic('t', 2);
    await using member = log.subscribe({ topic: 't', group: 'g', handler: async () => {} });
    await waitUntil(() => member.partitions.length === 2, { what: 'the member holds both partitions' });
    await whilePaused(kafka.pids()[0], async () => {
      await waitUntil(() => gaveUp.length === 1, { what: 'the subscription gives up', timeoutMs: 20_000 });
    });
    expect(gaveUp[0]?.message).toBe('group g could not be left in 2000 ms, so the process must exit');
    expect(member.partitions).toEqual([]);
    await publishReliably(log, 't', [1]);
  }, 60_000);
});
