import type { EveryDeps } from '../concurrency/index.ts';
import type { Db } from '../postgres/index.ts';
import type { EventLogConfig, KafkaConfig } from './config.ts';
import type { EventLog } from './port.ts';
import { openPostgresLog } from './postgres/log.ts';
import { type Topic, withTopics } from './topics.ts';

interface EventLogDeps extends EveryDeps {
  /** The service's name. Brokers show it in their logs. */
  readonly name: string;
  readonly openDb: (url: string, maxConnections: number) => Db;
  /** Called when this process can no longer read the log and must be restarted. */
  readonly giveUp: (error: Error) => void;
}

interface EventLogOptions {
  /** Topics to create where they are missing. */
  readonly topics: readonly Topic[];
  /** Maximum number of connections to the database of the log. */
  readonly maxConnections: number;
}

/** Opens the event log that the configuration names and creates its topics, in the way that `withTopics` describes. */
export async function openEventLog(
  deps: EventLogDeps,
  { logUrl, kafka }: EventLogConfig,
  { topics, maxConnections }: EventLogOptions,
): Promise<EventLog> {
  const log = kafka === undefined ? openOnPostgres(deps, logUrl, maxConnections) : await openOnKafka(deps, kafka);
  try {
    return await withTopics(deps, log, topics);
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

function openOnPostgres(deps: EventLogDeps, logUrl: string | undefined, maxConnections: number): EventLog {
  if (logUrl === undefined) throw new Error('the configuration names neither a database nor Kafka as the event log');
  const { clock, random, onError, openDb } = deps;
  return openPostgresLog({ clock, random, onError, db: openDb(logUrl, maxConnections) });
}

async function openOnKafka(deps: EventLogDeps, { brokers, ...settings }: KafkaConfig): Promise<EventLog> {
  const { clock, random, onError, giveUp, name } = deps;
  // Loading the client takes half a second, which a service on PostgreSQL must not pay.
  const { openKafkaLog } = await import('./kafka/index.ts');
  const connection = { brokers, clientId: name };
  return openKafkaLog({ clock, random, onError, giveUp, connection, ...settings });
}
