import { randomUUID } from 'node:crypto';

import type { EventLog } from '../src/events/index.ts';
import { kafkaOfThisRun } from '../src/testing/index.ts';
import { eventLogContract } from './event-log-contract.ts';
import { describeWithKafka, openLog } from './events-kafka-setup.ts';

/** Gives topics and groups a prefix, because all tests share one broker. */
function withPrefix(log: EventLog, prefix: string): EventLog {
  const named = (name: string) => `${prefix}.${name}`;
  return {
    ensureTopic: (topic, partitions) => log.ensureTopic(named(topic), partitions),
    publish: (events) => log.publish(events.map((event) => ({ ...event, topic: named(event.topic) }))),
    subscribe: (options) => log.subscribe({ ...options, topic: named(options.topic), group: named(options.group) }),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

describeWithKafka('the contract', () => {
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
});
