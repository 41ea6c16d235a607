import { KAFKA_SCHEME } from '@tally/ops/verify/kafka-log.ts';
import type { LocalConfig } from '../config.ts';
import { type LocalKafka, createKafka } from './kafka.ts';
import type { Servers } from '../run/launcher-deps.ts';
import { type LocalPostgres, createPostgres } from './postgres.ts';
import { DATABASES, type DatabaseName, type Shape } from '../plan/shape.ts';

/** What keeps the data of a state folder. */
export interface DataServers {
  readonly postgres: LocalPostgres;
  readonly kafka: LocalKafka;
  /** In the order of their start. */
  readonly all: readonly Servers[];
}

export function createServers(config: LocalConfig, shape: Shape): DataServers {
  const postgres = createPostgres(config, shape);
  const kafka = createKafka(config, shape);
  return { postgres, kafka, all: shape.brokers === 0 ? [postgres] : [postgres, kafka] };
}

/** Where their data lies. */
export function dataDirs({ postgres, kafka }: DataServers): string[] {
  return [...postgres.servers, ...(kafka.brokers.length > 0 ? [kafka] : [])].map(({ dir }) => dir);
}

/** Where all data of the running system is, straight: database URLs, for a log on Kafka `kafka://host:port,host:port`. */
export function dataUrls({ postgres, kafka }: DataServers): Record<DatabaseName, string> {
  const urlOf = (name: DatabaseName) => postgres.find(name) ?? `${KAFKA_SCHEME}${kafka.addresses().join(',')}`;
  return Object.fromEntries(DATABASES.map((name) => [name, urlOf(name)])) as Record<DatabaseName, string>;
}
