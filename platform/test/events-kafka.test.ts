import { test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import { systemClock } from '../src/concurrency/index.ts';
import { eventLogContract } from '../src/events/contract.ts';
import { type EventLog, openKafkaLog } from '../src/events/index.ts';
import { kafkaOfThisRun, withoutKafka } from '../src/testing/index.ts';

const openLog = (brokers: readonly string[], onError: (error: unknown) => void = () => {}): EventLog =>
  openKafkaLog({
    place: { brokers, clientId: 'test' },
    instance: randomUUID(),
    replicationFactor: 1,
    minInSyncReplicas: 1,
    clock: systemClock,
    random: Math.random,
    onError,
    onGiveUp: (error) => {
      throw error;
    },
  });

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

if (withoutKafka === undefined) {
  eventLogContract('Kafka', async () => {
    const { brokers } = await kafkaOfThisRun();
    const stack = new AsyncDisposableStack();
    const prefix = randomUUID();
    const openAnother = async () => stack.use(withPrefix(openLog(brokers, (e) => process.env['DEBUG_KAFKA'] && console.error(e)), prefix));
    return {
      log: await openAnother(),
      openAnother,
      takeoverMs: 20_000,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  });
} else {
  test.skip(`the event log on Kafka: ${withoutKafka}`, () => {});
}
