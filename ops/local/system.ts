import { join } from 'node:path';

import { type RedisPrograms, toRedisCommand } from '@tally/platform/redis';

import type { LocalConfig, PortName } from './config.ts';
import { toFingerprint } from './fingerprint.ts';
import type { Plan, PlannedPort, PlannedProcess } from './plan.ts';
import { toRunFiles } from './run-files.ts';

/** The databases, and whose they are. */
export const DATABASES = ['cart', 'loms', 'notifier', 'log'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export const PROCESSES = ['product', 'loms', 'notifier', 'cart'] as const;

/** The name of the process that holds the limit and the cache. */
export const REDIS = 'redis';

interface Program {
  readonly name: (typeof PROCESSES)[number];
  /** In the checkout. */
  readonly main: string;
  /** What it is made of, beside the code that all share. */
  readonly code: readonly string[];
  readonly ports: readonly PortName[];
  /** Of its ports, the one that answers for its health, and where. */
  readonly ready: readonly [PortName, string];
  /** What it must know of the others. Its own ports and database it gets anyway. */
  readonly env: (
    config: LocalConfig,
    url: (database: DatabaseName) => string,
    log: LogVariables,
    redisUrl: string | undefined,
  ) => Readonly<Record<string, string>>;
}

/** Tells a service where the log is. */
type LogVariables = Readonly<Record<string, string>>;

const SHARED_CODE = ['platform/src', 'proto/gen', 'bun.lock'];
// Passed on to every process; beside them each gets the variables that begin with its own name.
const SHARED_VARIABLES = /^(TALLY_MODE|LOG_LEVEL|DRAIN_LIMIT_MS|OTEL_.+)$/;
// The connections' own end, behind the drain.
const STOP_MARGIN_MS = 5_000;
const HOST = '127.0.0.1';
const REDIS_MEMORY_MIB = 64;

/** What `just up` runs. In the order of their start: who is called stands before its callers. */
const PROGRAMS: readonly Program[] = [
  {
    name: 'product',
    main: 'ops/product/main.ts',
    code: ['ops/product'],
    ports: ['productGrpc', 'productHttp'],
    ready: ['productHttp', '/readyz'],
    env: ({ env }) => ({ PRODUCT_TOKEN: env['PRODUCT_TOKEN'] ?? 'testtoken' }),
  },
  {
    name: 'loms',
    main: 'loms/src/main.ts',
    code: ['loms/src', 'loms/package.json'],
    ports: ['lomsGrpc', 'lomsAdmin'],
    ready: ['lomsAdmin', '/readyz'],
    env: (_, url, log) => ({ LOMS_DATABASE_URL: url('loms'), ...log }),
  },
  {
    name: 'notifier',
    main: 'notifier/src/main.ts',
    code: ['notifier/src', 'notifier/package.json'],
    ports: ['notifierGrpc', 'notifierAdmin'],
    ready: ['notifierAdmin', '/readyz'],
    env: (_, url, log) => ({ NOTIFIER_DATABASE_URL: url('notifier'), ...log }),
  },
  {
    name: 'cart',
    main: 'cart/src/main.ts',
    code: ['cart/src', 'cart/package.json'],
    ports: ['cartGrpc', 'cartAdmin'],
    ready: ['cartAdmin', '/readyz'],
    env: ({ env, ports }, url, _, redisUrl) => ({
      CART_DATABASE_URL: url('cart'),
      LOMS_ADDRESS: env['LOMS_ADDRESS'] ?? toAddress(ports.lomsGrpc),
      PRODUCT_ADDRESS: env['PRODUCT_ADDRESS'] ?? toAddress(ports.productGrpc),
      PRODUCT_TOKEN: env['PRODUCT_TOKEN'] ?? 'testtoken',
      ...definedOnly({
        LIMITER_REDIS_URL: env['LIMITER_REDIS_URL'] ?? redisUrl,
        CACHE_REDIS_URLS: env['CACHE_REDIS_URLS'] ?? redisUrl,
      }),
    }),
  },
];

/** What a system has beside its databases and services. */
export interface SystemParts {
  /** The broker that is the log; without one it is PostgreSQL. */
  readonly kafkaAddress?: string | undefined;
  /** For the limit and the cache, where there is a program for it. */
  readonly redis?: RedisPrograms | undefined;
}

/** The plan of the system of one machine. */
export function planSystem(
  config: LocalConfig,
  url: (database: DatabaseName) => string,
  otherLogs: readonly string[],
  { kafkaAddress, redis }: SystemParts = {},
): Plan {
  const { root, stateDir, maxLogBytes } = config;
  const log: LogVariables =
    kafkaAddress === undefined
      ? { LOG_DATABASE_URL: url('log') }
      : { KAFKA_BROKERS: kafkaAddress, KAFKA_REPLICATION_FACTOR: '1', KAFKA_MIN_INSYNC_REPLICAS: '1' };
  const planned = redis === undefined ? [] : [planRedis(redis, config)];
  const processes = PROGRAMS.map((program) => planProgram(program, config, url, log, planned[0]?.readyUrl));
  return { root, stateDir, maxLogBytes, otherLogs, processes: [...planned, ...processes] };
}

/** One for both: only what has a TTL is dropped when it is full, and the limit has none. */
function planRedis(programs: RedisPrograms, config: LocalConfig): PlannedProcess {
  const { redis } = config.ports;
  const options = { programs, port: redis.port, maxMemoryMib: REDIS_MEMORY_MIB, eviction: 'volatile-lru' } as const;
  const command = toRedisCommand(options);
  const env = { ...programs.env, TZ: 'UTC' };
  return {
    name: REDIS,
    command,
    env,
    ports: [redis],
    readyUrl: `redis://${toAddress(redis)}`,
    logPath: join(toRunFiles(config.stateDir).logs, `${REDIS}.log`),
    stopLimitMs: STOP_MARGIN_MS,
    fingerprint: toFingerprint([command, env], config.root, []),
  };
}

function planProgram(
  program: Program,
  config: LocalConfig,
  url: (database: DatabaseName) => string,
  log: LogVariables,
  redisUrl: string | undefined,
): PlannedProcess {
  const { name, main, code, ready } = program;
  const ports = program.ports.map((port) => config.ports[port]);
  const command = [process.execPath, '--no-env-file', main];
  const env = {
    TALLY_MODE: 'production',
    ...passOn(name, config),
    TALLY_HOST: HOST,
    ...Object.fromEntries(ports.map(({ variable, port }) => [variable, String(port)])),
    ...program.env(config, url, log, redisUrl),
  };
  const [readyPort, readyPath] = ready;
  return {
    name,
    command,
    env,
    ports,
    readyUrl: `http://${toAddress(config.ports[readyPort])}${readyPath}`,
    logPath: join(toRunFiles(config.stateDir).logs, `${name}.log`),
    stopLimitMs: config.drainMs + STOP_MARGIN_MS,
    fingerprint: toFingerprint([command, env], config.root, [...code, ...SHARED_CODE]),
  };
}

function definedOnly(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function passOn(name: string, { env }: LocalConfig): Record<string, string> {
  const prefix = `${name.toUpperCase()}_`;
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (entry[0].startsWith(prefix) || SHARED_VARIABLES.test(entry[0])),
  );
  // Sorted: the order in a shell's environment must not look like a change.
  return Object.fromEntries(passed.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function toAddress({ port }: PlannedPort): string {
  return `${HOST}:${port}`;
}
