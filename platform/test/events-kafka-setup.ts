import { expect } from 'bun:test';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { Admin } from '@platformatic/kafka';

import { systemClock } from '../src/concurrency/index.ts';
import type { EventLog, LoggedEvent } from '../src/events/index.ts';
import { type KafkaLogDeps, openKafkaLog } from '../src/events/kafka/index.ts';
import { describeWith, kafkaOfThisRun, missingKafka, range, waitUntil } from '../src/testing/index.ts';

/*
  What the tests of the event log on Kafka share. They publish numbered events with 12 keys, and check afterwards that
  every number arrived and that the numbers of each key arrived in order.
*/

export const KEY_COUNT = 12;

const missing = await missingKafka();

/** Declares a group of tests that need Kafka, or one skipped test that says why it cannot be started. */
export const describeWithKafka = (name: string, body: () => void): void => describeWith(missing, name, body);

interface LogSettings extends Partial<KafkaLogDeps> {
  readonly rejoinLimitMs?: number;
}

export function openLog(brokers: readonly string[], { rejoinLimitMs, ...deps }: LogSettings = {}): EventLog {
  const defaults: KafkaLogDeps = {
    connection: { brokers, clientId: 'test' },
    instance: randomUUID(),
    replicationFactor: 1,
    minInSyncReplicas: 1,
    clock: systemClock,
    random: Math.random,
    onError: () => {},
    // This is printed because the test fails only later, when it waits for events that nobody reads any more.
    giveUp: (error) => console.error(error),
  };
  return openKafkaLog({ ...defaults, ...deps }, rejoinLimitMs === undefined ? {} : { rejoinLimitMs });
}

/** Creates a topic on the shared broker, and names a group of its own for the test. */
export async function createTopic(partitions: number) {
  const { brokers } = await kafkaOfThisRun();
  const [topic, group] = [randomUUID(), randomUUID()];
  await using log = openLog(brokers);
  await log.ensureTopic(topic, partitions);
  return { brokers, topic, group };
}

export function openAdmin(brokers: readonly string[]): Admin & AsyncDisposable {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [...brokers] });
  return Object.assign(admin, { [Symbol.asyncDispose]: () => admin.close() });
}

export const toEvent = (topic: string, n: number) => ({
  topic,
  key: `k${n % KEY_COUNT}`,
  value: new TextEncoder().encode(String(n)),
  headers: {},
});

const numberOf = ({ value }: LoggedEvent) => Number(new TextDecoder().decode(value));

/** Returns the numbers that its handler has seen, in order and with repetitions. */
export function recordNumbers() {
  const numbers: number[] = [];
  return {
    numbers,
    handler: async (events: readonly LoggedEvent[]) => void numbers.push(...events.map(numberOf)),
    /** Waits until `count` different numbers have arrived. */
    waitFor: (count: number, timeoutMs = 30_000) =>
      waitUntil(() => new Set(numbers).size >= count, { what: `${count} events have arrived`, timeoutMs }),
  };
}

/** Publishes events one by one and repeats each until it is acknowledged, as the relay of an outbox does. */
export async function publishReliably(log: EventLog, topic: string, numbers: readonly number[]): Promise<void> {
  for (const n of numbers) {
    const isPublished = () =>
      log.publish([toEvent(topic, n)]).then(
        () => true,
        () => false,
      );
    await waitUntil(isPublished, { what: `event ${n} is acknowledged`, timeoutMs: 60_000 });
  }
}

/** Expects that every number below `count` arrived, and that the first arrivals of each key are in order. */
export function expectFirstsInOrder(numbers: readonly number[], count: number): void {
  const firsts = [...new Set(numbers)];
  expect(firsts.length).toBe(count);
  for (const key of range(KEY_COUNT)) {
    expect(firsts.filter((n) => n % KEY_COUNT === key)).toEqual(range(count).filter((n) => n % KEY_COUNT === key));
  }
}

/** Returns the offset that a group has committed in partition 0, or -1. */
export async function committedOffset(brokers: readonly string[], group: string, topic: string): Promise<bigint> {
  await using admin = openAdmin(brokers);
  const [found] = await admin.listConsumerGroupOffsets({
    groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }],
  });
  return found?.topics[0]?.partitions[0]?.committedOffset ?? -1n;
}

/** Starts a member in a process of its own, and collects the numbers of the events that its handler is called with. */
export function startMemberProcess(brokers: readonly string[], topic: string, group: string, handlerMs = 0) {
  const program = join(import.meta.dir, 'events-kafka-member.ts');
  const args = [brokers.join(','), topic, group, randomUUID(), String(handlerMs)];
  const child = Bun.spawn([process.execPath, program, ...args], {
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const numbers: number[] = [];
  async function collect(): Promise<void> {
    let rest = '';
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      numbers.push(...lines.map((line) => Number(line.split(' ')[1])));
    }
  }
  const collected = collect();
  return {
    numbers,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await collected;
    },
  };
}

/** Runs `work` while a process is stopped. A stopped process keeps its connections but does not answer. */
export async function whilePaused(pid: number | undefined, work: () => Promise<void>): Promise<void> {
  if (pid === undefined) throw new Error('there is no process to pause');
  process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
