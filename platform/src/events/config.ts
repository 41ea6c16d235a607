import { hostname } from 'node:os';

import type { ConfigReader } from '../config/index.ts';

/** Which event log a service uses: exactly one of the two is set. */
export interface EventLogConfig {
  /** URL of the database that holds the event log. */
  readonly logUrl?: string | undefined;
  readonly kafka?: KafkaConfig | undefined;
}

export interface KafkaConfig {
  /** `host:port` of one broker or more. The client learns of the others from them. */
  readonly brokers: readonly string[];
  /** Number of brokers that store each partition of a newly created topic. */
  readonly replicationFactor: number;
  /** Number of replicas that must have an event before it is acknowledged. */
  readonly minInSyncReplicas: number;
  /** Name of this process in its consumer groups. It is unique, and stays the same over a restart. */
  readonly instance: string;
}

const MAX_BROKERS = 9;

/** Reads which event log to use: Kafka when KAFKA_BROKERS is set, otherwise the database at LOG_DATABASE_URL. */
export function readEventLogConfig(reader: ConfigReader, name: string, adminPort: number): EventLogConfig {
  const brokers = reader.optionalAddresses(
    'KAFKA_BROKERS',
    'Brokers of the event log on Kafka; when unset, the log is on PostgreSQL.',
  );
  const replicationFactor = reader.integer(
    'KAFKA_REPLICATION_FACTOR',
    'Number of brokers that store each event of a newly created topic.',
    { fallback: 3, min: 1, max: MAX_BROKERS, unit: 'brokers' },
  );
  const minInSyncReplicas = reader.integer(
    'KAFKA_MIN_INSYNC_REPLICAS',
    'Number of these brokers that must have an event before it is acknowledged.',
    { fallback: Math.min(2, replicationFactor), min: 1, max: replicationFactor, unit: 'brokers' },
  );
  const instance = reader.text(
    `${name.toUpperCase()}_INSTANCE`,
    'Name of this instance in its consumer groups on Kafka, unique and stable over restarts.',
    `${name}-${hostname()}-${adminPort}`,
  );
  if (brokers === undefined) {
    const meaning = 'Database of the event log; unused when KAFKA_BROKERS is set.';
    return { logUrl: reader.url('LOG_DATABASE_URL', meaning, ['postgres', 'postgresql']) };
  }
  // Kafka allows no other characters in the name of a group member.
  const legalInstance = instance.replaceAll(/[^\w.-]/g, '-');
  return { kafka: { brokers, replicationFactor, minInSyncReplicas, instance: legalInstance } };
}
