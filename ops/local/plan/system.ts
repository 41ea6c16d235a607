import { SERVICES, SERVICE_DATABASES, SERVICE_NAMES, type SystemAddresses } from '@tally/ops/services.ts';
import type { EmbeddedKafkaOptions, Program } from '@tally/platform/embedded';
import { type DatabaseName, KAFKA_SCHEME, forEachDatabase, toBrokers, toUrlVariable } from '@tally/sql/databases';

import type { LocalConfig } from '../config.ts';
import { brokerNames, planKafka } from '../parts/kafka.ts';
import { bouncerOf, planPgbouncer } from '../parts/pgbouncer.ts';
import { type PostgresServer, toDatabaseUrl } from '../parts/postgres.ts';
import { PROMETHEUS, planPrometheus } from '../parts/prometheus.ts';
import { planRedis } from '../parts/redis.ts';
import { instancesOf, planService, serviceAddresses, toInstanceName } from '../parts/service.ts';
import type { Plan, PlannedProcess } from './plan.ts';
import type { RedisShape, Shape } from './shape.ts';

/** The programs and servers from which a system is planned. */
export interface SystemParts {
  readonly shape: Shape;
  readonly servers: readonly PostgresServer[];
  /** Undefined when PostgreSQL keeps the event log. */
  readonly kafka?: EmbeddedKafkaOptions | undefined;
  /** Undefined when no redis-server is available. */
  readonly redis?: Program | undefined;
  /** Undefined when the services connect to PostgreSQL directly. */
  readonly pgbouncer?: Program | undefined;
  readonly prometheus?: string | undefined;
}

const MIN_INSYNC_REPLICAS = { 0: 0, 1: 1, 3: 2 } as const;

/** Returns the plan of a system. The servers that hold its data come first, so that they start first and end last. */
export function planSystem(config: LocalConfig, parts: SystemParts): Plan {
  const { shape, servers, kafka, redis, pgbouncer, prometheus } = parts;
  const urls = toUrls(parts);
  const redises = redis === undefined ? [] : shape.redis.map((each) => planRedis(redis, each, config));
  const redisUrls = (holds: RedisShape['holds']) =>
    redises.filter((_, i) => ['both', holds].includes(shape.redis[i]!.holds)).map(({ readyUrl }) => readyUrl);
  const bouncers = new Map(
    pgbouncer && SERVICE_DATABASES.map((name) => [name, planPgbouncer(pgbouncer, name, config, urls[name])]),
  );
  const system: SystemAddresses = {
    instances: shape.instances,
    log: toLogVariables(shape, urls),
    limiterUrl: redisUrls('limit')[0],
    cacheUrls: redisUrls('cache'),
    userEnv: config.env,
    addressesOf: (name) => serviceAddresses(name, config, shape.instances),
  };
  const services = SERVICE_NAMES.flatMap((name) => {
    const { database } = SERVICES[name];
    const variables = database === undefined ? {} : toDatabaseVariables(database, urls, bouncers.get(database));
    return instancesOf(name, shape.instances).map((i) => planService(name, i, config, system, variables));
  });
  return {
    root: config.root,
    stateDir: config.stateDir,
    maxLogBytes: config.maxLogBytes,
    urls,
    processes: [
      ...servers.map(({ process }) => process),
      ...(kafka === undefined ? [] : planKafka(config, shape, kafka)),
      ...redises,
      ...bouncers.values(),
      ...services,
      ...(prometheus === undefined ? [] : [planPrometheus(prometheus, config, services)]),
    ],
  };
}

/** Returns the names of all processes that a system of this shape can have. */
export function processNames(shape: Shape): string[] {
  const { redis, hasBouncers, instances, hasPrometheus, servers } = shape;
  return [
    ...SERVICE_NAMES.flatMap((name) => instancesOf(name, instances).map((i) => toInstanceName(name, i))),
    ...redis.map(({ name }) => name),
    ...(hasBouncers ? SERVICE_DATABASES.map(bouncerOf) : []),
    ...(hasPrometheus ? [PROMETHEUS] : []),
    ...servers.map(({ name }) => name),
    ...brokerNames(shape),
  ];
}

/** Returns the URLs of the databases on their servers. The log is on Kafka when no server has it. */
function toUrls({ servers, kafka }: SystemParts): Record<DatabaseName, string> {
  const brokers = (kafka?.nodes ?? []).map(({ port }) => `127.0.0.1:${port}`);
  return forEachDatabase((name) => {
    const server = servers.find(({ databases }) => databases.includes(name));
    return server === undefined ? `${KAFKA_SCHEME}${brokers.join(',')}` : toDatabaseUrl(server, name);
  });
}

function toLogVariables(shape: Shape, urls: Plan['urls']): SystemAddresses['log'] {
  const brokers = toBrokers(urls.log);
  if (brokers === undefined) return { LOG_DATABASE_URL: urls.log };
  return {
    KAFKA_BROKERS: brokers,
    KAFKA_REPLICATION_FACTOR: String(shape.brokers),
    KAFKA_MIN_INSYNC_REPLICAS: String(MIN_INSYNC_REPLICAS[shape.brokers]),
  };
}

/**
 * Returns the variables that name a service's database or its pgbouncer. Through pgbouncer, prepared statements have no
 * names: pgbouncer carries named ones only since 1.21, and Debian 12 has an older one.
 */
function toDatabaseVariables(database: DatabaseName, urls: Plan['urls'], bouncer: PlannedProcess | undefined) {
  const variable = toUrlVariable(database);
  if (bouncer === undefined) return { [variable]: urls[database] };
  return { [variable]: bouncer.readyUrl, [`${database.toUpperCase()}_DATABASE_NAMED_STATEMENTS`]: 'false' };
}
