import type { EventLog, Subscription } from '../port.ts';
import { KAFKA_LIMITS, type KafkaLimits } from './limits.ts';
import { openProducer } from './producer.ts';
import { type KafkaSubscriptionDeps, startKafkaSubscription } from './subscription.ts';
import { type KafkaTopicDeps, ensureKafkaTopic } from './topics.ts';

export type KafkaLogDeps = KafkaSubscriptionDeps & KafkaTopicDeps;

/** Opens the event log on Apache Kafka, the log for production. */
export function openKafkaLog(deps: KafkaLogDeps, limits: Partial<KafkaLimits> = {}): EventLog {
  const knownTopics = new Set<string>();
  const subscriptions = new Set<Subscription>();
  const { clock, connection } = deps;
  const producer = openProducer({ clock, connection, isKnownTopic: (topic) => knownTopics.has(topic) });

  return {
    async ensureTopic(topic, partitions) {
      await ensureKafkaTopic(deps, topic, partitions);
      knownTopics.add(topic);
      producer.forgetTopics();
    },
    publish: (events) => producer.publish(events),
    subscribe(options) {
      const subscription = startKafkaSubscription(deps, { ...KAFKA_LIMITS, ...limits }, options);
      subscriptions.add(subscription);
      return {
        get partitions() {
          return subscription.partitions;
        },
        async [Symbol.asyncDispose]() {
          subscriptions.delete(subscription);
          await subscription[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...subscriptions].map((subscription) => subscription[Symbol.asyncDispose]()));
      await producer[Symbol.asyncDispose]();
    },
  };
}
