import { hostname } from 'node:os';

import { type EveryDeps, sleep } from '../concurrency/index.ts';
import type { ConfigReader } from '../config/index.ts';
import { AppError } from '../errors/index.ts';
import type { Db } from '../postgres/index.ts';
import { openPostgresLog } from './log-postgres.ts';
import type { EventLog } from './port.ts';

/** Which event log a service uses. */
export interface EventLogConfig {
  /** Database of the event log; unused where `kafka` is given. */
  readonly logUrl?: string | undefined;
  readonly kafka?: KafkaConfig | undefined;
}

export interface KafkaConfig {
  /** `host:port`, one or more. */
  readonly brokers: readonly string[];
  /** Of the topics that a service makes. */
  readonly replicationFactor: number;
  /** Brokers that must have an event before it is acknowledged. */
  readonly minInSyncReplicas: number;
  /** Names this process in its consumer groups: unique, and the same after a restart. */
  readonly instance: string;
}

export interface Topic {
  readonly topic: string;
  readonly partitions: number;
}

export interface EventLogDeps extends EveryDeps {
  /** The service's name. */
  readonly name: string;
  readonly openDb: (url: string, maxConnections: number) => Db;
  /** The log cannot be read in this process any more: only its end mends that. */
  readonly giveUp: (error: Error) => void;
}

export interface EventLogOptions {
  /** Made, where they are missing. */
  readonly topics: readonly Topic[];
  /** To the log's database at most. */
  readonly maxConnections: number;
}

const BROKERS_MEANING = 'Brokers of the event log on Kafka; without it the log is on PostgreSQL.';
const FIRST_TRY_LIMIT_MS = 1_000;
const TRY_PAUSE_MS = 2_000;
const MAX_BROKERS = 9;

/** KAFKA_BROKERS makes Kafka the log; without it LOG_DATABASE_URL must be set. */
export function readEventLogConfig(reader: ConfigReader, name: string, adminPort: number): EventLogConfig {
  const brokers = reader.optionalAddresses('KAFKA_BROKERS', BROKERS_MEANING);
  const replicationFactor = reader.integer(
    'KAFKA_REPLICATION_FACTOR',
    'Number of brokers that store each event, for topics that are created.',
    {
      fallback: 3,
      min: 1,
      max: MAX_BROKERS,
      unit: 'brokers',
    },
  );
  const minInSyncReplicas = reader.integer(
    'KAFKA_MIN_INSYNC_REPLICAS',
    'Number of these brokers that must have an event before it is acknowledged.',
    {
      fallback: Math.min(2, replicationFactor),
      min: 1,
      max: replicationFactor,
      unit: 'brokers',
    },
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
  // What Kafka allows in such a name.
  const legal = instance.replaceAll(/[^\w.-]/g, '-');
  return { kafka: { brokers, replicationFactor, minInSyncReplicas, instance: legal } };
}

/**
 * Opens the log that the configuration names, and makes its topics. A log that is away delays nothing for longer than a second:
 * the topics are then made in the background, and until then publishing fails as it does while the log is away. Throws
 * where a topic exists in another form.
 */
export async function openEventLog(
  deps: EventLogDeps,
  { logUrl, kafka }: EventLogConfig,
  { topics, maxConnections }: EventLogOptions,
): Promise<EventLog> {
  const log = kafka === undefined ? openPostgres(deps, logUrl, maxConnections) : await openKafka(deps, kafka);
  try {
    return await withTopics(deps, log, topics);
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

function openPostgres(deps: EventLogDeps, logUrl: string | undefined, maxConnections: number): EventLog {
  if (logUrl === undefined) throw new Error('neither a database nor Kafka is the log');
  return openPostgresLog({ ...deps, db: deps.openDb(logUrl, maxConnections) });
}

async function openKafka(deps: EventLogDeps, kafka: KafkaConfig): Promise<EventLog> {
  const { openKafkaLog } = await import('./kafka.ts');
  const place = { brokers: kafka.brokers, clientId: deps.name };
  return openKafkaLog({ ...deps, ...kafka, place, onGiveUp: deps.giveUp });
}

/** The same log, whose topics are made before anything is published to them. */
export async function withTopics(deps: EveryDeps, log: EventLog, topics: readonly Topic[]): Promise<EventLog> {
  const { clock, onError } = deps;
  const missing = new Map(topics.map(({ topic, partitions }) => [topic, partitions]));
  const closing = new AbortController();

  async function make(): Promise<void> {
    for (const [topic, partitions] of missing) {
      await log.ensureTopic(topic, partitions);
      missing.delete(topic);
    }
  }

  const firstTry = make();
  const failure = await Promise.race([
    firstTry.then(
      () => undefined,
      (error: unknown) => error,
    ),
    sleep(clock, FIRST_TRY_LIMIT_MS),
  ]);
  if (failure instanceof AppError && failure.kind === 'failed-precondition') throw failure;

  async function makeLater(): Promise<void> {
    await firstTry.catch(onError);
    while (missing.size > 0 && !closing.signal.aborted) {
      await sleep(clock, TRY_PAUSE_MS, closing.signal).catch(() => {});
      if (!closing.signal.aborted) await make().catch(onError);
    }
  }

  void makeLater();
  return {
    ...log,
    async publish(events) {
      // A log that has no such topic would call it the record's own fault.
      const early = events.find(({ topic }) => missing.has(topic));
      if (early !== undefined) throw new AppError('unavailable', `the log has no topic ${early.topic} yet`);
      return await log.publish(events);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await log[Symbol.asyncDispose]();
    },
  };
}
