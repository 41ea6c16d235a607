import { join } from 'node:path';

import type { Program as DebianProgram } from '@tally/platform/embedded';

import type { LocalConfig, PortName } from '../config.ts';
import { toFingerprint } from './fingerprint.ts';
import type { LocalKafka } from '../parts/kafka.ts';
import { BOUNCERS, bouncerOf, planPgbouncer } from '../parts/pgbouncer.ts';
import type { Plan, PlannedPort, PlannedProcess } from './plan.ts';
import type { LocalPostgres } from '../parts/postgres.ts';
import { PROMETHEUS, planPrometheus } from '../parts/prometheus.ts';
import { planRedis } from '../parts/redis.ts';
import { toRunFiles } from '../run/run-files.ts';
import { DATABASES, type DatabaseName, type Shape } from './shape.ts';

interface Program {
  readonly name: (typeof PROCESSES)[number];
  /** In the checkout. */
  readonly main: string;
  /** What it is made of, beside the code that all share. */
  readonly code: readonly string[];
  /** Of each instance. It listens on them by the variables of the first one. */
  readonly ports: readonly (readonly PortName[])[];
  /** Which of its ports answers for its health, and where. */
  readonly ready: readonly [index: number, path: string];
  /** What it must know of the others. Its own ports and database it gets anyway. */
  readonly env: (config: LocalConfig, others: Others, instance: string) => Readonly<Record<string, string | undefined>>;
}

/** Where a process finds the others. */
interface Others {
  /** Tells a service where the log is. */
  readonly log: Readonly<Record<string, string>>;
  /** Of every service. Each has a name of its own on Kafka, where several are configured alike. */
  readonly instances: number;
  readonly limiterUrl: string | undefined;
  readonly cacheUrls: readonly string[];
}

/** In the order of their start: who is called stands before its callers. */
const PROCESSES = ['product', 'loms', 'notifier', 'cart'] as const;
const SHARED_CODE = ['platform/src', 'proto/gen', 'bun.lock'];
// Passed on to every process; beside them each gets the variables that begin with its own name.
const SHARED_VARIABLES = /^(TALLY_MODE|LOG_LEVEL|DRAIN_LIMIT_MS|OTEL_.+)$/;
// Of one instance, for the launcher alone.
const INSTANCE_VARIABLES = /^[A-Z]+_\d+_/;
// The connections' own end, behind the drain.
const STOP_MARGIN_MS = 5_000;
const HOST = '127.0.0.1';
const MIN_INSYNC_REPLICAS = { 0: 0, 1: 1, 3: 2 } as const;

const PROGRAMS: Readonly<Record<(typeof PROCESSES)[number], Omit<Program, 'name'>>> = {
  product: {
    main: 'ops/product/main.ts',
    code: ['ops/product'],
    ports: [['productGrpc', 'productHttp']],
    ready: [1, '/readyz'],
    env: ({ env }) => ({ PRODUCT_TOKEN: env['PRODUCT_TOKEN'] ?? 'testtoken' }),
  },
  loms: {
    main: 'loms/src/main.ts',
    code: ['loms/src', 'loms/package.json'],
    ports: [
      ['lomsGrpc', 'lomsAdmin'],
      ['loms2Grpc', 'loms2Admin'],
    ],
    ready: [1, '/readyz'],
    env: (_, { log, instances }, instance) => ({ ...log, LOMS_INSTANCE: instances === 1 ? undefined : instance }),
  },
  notifier: {
    main: 'notifier/src/main.ts',
    code: ['notifier/src', 'notifier/package.json'],
    ports: [
      ['notifierGrpc', 'notifierAdmin'],
      ['notifier2Grpc', 'notifier2Admin'],
    ],
    ready: [1, '/readyz'],
    env: (_, { log, instances }, instance) => ({ ...log, NOTIFIER_INSTANCE: instances === 1 ? undefined : instance }),
  },
  cart: {
    main: 'cart/src/main.ts',
    code: ['cart/src', 'cart/package.json'],
    ports: [
      ['cartGrpc', 'cartAdmin'],
      ['cart2Grpc', 'cart2Admin'],
    ],
    ready: [1, '/readyz'],
    env: ({ env, ports }, { instances, limiterUrl, cacheUrls }) => ({
      LOMS_ADDRESS: env['LOMS_ADDRESS'] ?? toAddresses([ports.lomsGrpc, ports.loms2Grpc].slice(0, instances)),
      PRODUCT_ADDRESS: env['PRODUCT_ADDRESS'] ?? toAddresses([ports.productGrpc]),
      PRODUCT_TOKEN: env['PRODUCT_TOKEN'] ?? 'testtoken',
      CART_INSTANCES: instances === 1 ? undefined : String(instances),
      LIMITER_REDIS_URL: env['LIMITER_REDIS_URL'] ?? limiterUrl,
      CACHE_REDIS_URLS: env['CACHE_REDIS_URLS'] ?? cacheUrls.join(','),
    }),
  },
};

/** What a system is made of. */
export interface SystemParts {
  readonly shape: Shape;
  readonly postgres: Pick<LocalPostgres, 'servers' | 'url'>;
  readonly kafka: Pick<LocalKafka, 'brokers'>;
  /** For the limit and the cache, where there is a program for it. */
  readonly redis?: DebianProgram | undefined;
  /** Before the databases; without it the services ask them themselves. */
  readonly pgbouncer?: DebianProgram | undefined;
  readonly prometheus?: string | undefined;
}

/** The plan of the system of one machine. */
export function planSystem(config: LocalConfig, parts: SystemParts): Plan {
  const { shape, postgres, kafka, redis, pgbouncer, prometheus } = parts;
  const { root, stateDir, maxLogBytes } = config;
  const redises = redis === undefined ? [] : shape.redis.map((each) => planRedis(redis, each, config));
  const redisUrls = (holds: 'limit' | 'cache') =>
    redises.filter((_, i) => ['both', holds].includes(shape.redis[i]!.holds)).map(({ readyUrl }) => readyUrl);
  const bouncers =
    pgbouncer === undefined ? [] : BOUNCERS.map((name) => planPgbouncer(pgbouncer, name, config, postgres.url(name)));
  const others: Others = {
    log: logVariables(parts),
    instances: shape.instances,
    limiterUrl: redisUrls('limit')[0],
    cacheUrls: redisUrls('cache'),
  };
  const services = PROCESSES.flatMap((name) =>
    PROGRAMS[name].ports.slice(0, shape.instances).map((_, index) => {
      const bouncer = bouncers.find((each) => each.name === `pgbouncer-${name}`);
      const database = toDatabase(name, postgres, bouncer);
      return planProgram({ name, ...PROGRAMS[name] }, index, config, others, database);
    }),
  );
  return {
    root,
    stateDir,
    maxLogBytes,
    otherLogs: [...postgres.servers, ...kafka.brokers].map(({ logPath }) => logPath),
    processes: [
      ...redises,
      ...bouncers,
      ...services,
      ...(prometheus === undefined ? [] : [planPrometheus(prometheus, config, services)]),
    ],
  };
}

/** All processes that a system of this shape can have. */
export function processNames({ redis, hasBouncers, instances, hasPrometheus }: Shape): string[] {
  return [
    ...PROCESSES.flatMap((name) => PROGRAMS[name].ports.slice(0, instances).map((_, index) => instanceOf(name, index))),
    ...redis.map(({ name }) => name),
    ...(hasBouncers ? BOUNCERS.map(bouncerOf) : []),
    ...(hasPrometheus ? [PROMETHEUS] : []),
  ];
}

function logVariables({ shape, postgres, kafka }: SystemParts): Others['log'] {
  if (shape.brokers === 0) return { LOG_DATABASE_URL: postgres.url('log') };
  return {
    KAFKA_BROKERS: kafka.brokers.map(({ node }) => `${HOST}:${node.port}`).join(','),
    KAFKA_REPLICATION_FACTOR: String(shape.brokers),
    KAFKA_MIN_INSYNC_REPLICAS: String(MIN_INSYNC_REPLICAS[shape.brokers]),
  };
}

/** Behind a bouncer statements have no names: Debian 12's pgbouncer is older than 1.21. */
function toDatabase(
  name: Program['name'],
  { url }: SystemParts['postgres'],
  bouncer: PlannedProcess | undefined,
): Record<string, string> {
  if (!isDatabase(name)) return {};
  const prefix = name.toUpperCase();
  if (bouncer === undefined) return { [`${prefix}_DATABASE_URL`]: url(name) };
  return { [`${prefix}_DATABASE_URL`]: bouncer.readyUrl, [`${prefix}_DATABASE_NAMED_STATEMENTS`]: 'false' };
}

const isDatabase = (name: string): name is DatabaseName => (DATABASES as readonly string[]).includes(name);

function planProgram(
  program: Program,
  index: number,
  config: LocalConfig,
  others: Others,
  database: Readonly<Record<string, string>>,
): PlannedProcess {
  const { main, code, ready } = program;
  const portNames = program.ports[index]!;
  const ports = portNames.map((port) => config.ports[port]);
  const name = instanceOf(program.name, index);
  const command = [process.execPath, '--no-env-file', main];
  const env = {
    TALLY_MODE: 'production',
    ...passOn(program.name, config),
    TALLY_HOST: HOST,
    ...Object.fromEntries(ports.map(({ port }, i) => [config.ports[program.ports[0]![i]!].variable, String(port)])),
    ...database,
    ...definedOnly(program.env(config, others, name)),
  };
  const [readyPort, readyPath] = ready;
  return {
    name,
    command,
    env,
    ports,
    readyUrl: `http://${toAddresses([ports[readyPort]!])}${readyPath}`,
    logPath: join(toRunFiles(config.stateDir).logs, `${name}.log`),
    stopLimitMs: config.drainMs + STOP_MARGIN_MS,
    fingerprint: toFingerprint([command, env], config.root, [...code, ...SHARED_CODE]),
  };
}

/** `loms`, `loms-2`, … */
const instanceOf = (name: string, index: number) => (index === 0 ? name : `${name}-${index + 1}`);

function definedOnly(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function passOn(name: string, { env }: LocalConfig): Record<string, string> {
  const prefix = `${name.toUpperCase()}_`;
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !INSTANCE_VARIABLES.test(entry[0]) &&
      (entry[0].startsWith(prefix) || SHARED_VARIABLES.test(entry[0])),
  );
  // Sorted: the order in a shell's environment must not look like a change.
  return Object.fromEntries(passed.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function toAddresses(ports: readonly PlannedPort[]): string {
  return ports.map(({ port }) => `${HOST}:${port}`).join(',');
}
