import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { AppError } from '@tally/platform/errors';

import { inWords } from '../machine/just-call.ts';
import type { RunFiles } from '../run/run-files.ts';

/** A way to run the system, as data. */
export interface Shape {
  /** What brings such a system up. */
  readonly call: string;
  /** What its data lies in, in words. */
  readonly data: string;
  /** Its PostgreSQL servers, each with its databases. */
  readonly servers: readonly ServerShape[];
  /** Of Kafka; without one PostgreSQL keeps the event log. */
  readonly brokers: 0 | 1 | 3;
  /** Of each service. */
  readonly instances: 1 | 2;
  /** A pgbouncer before each PostgreSQL. */
  readonly hasBouncers: boolean;
  /** One server for limit and cache, or one for the limit and two shards of the cache. */
  readonly redis: readonly RedisShape[];
  /** Prometheus, where it is on PATH. */
  readonly hasPrometheus: boolean;
}

export interface ServerShape {
  readonly name: string;
  readonly port: 'postgres' | 'postgresCart' | 'postgresLoms' | 'postgresNotifier';
  readonly databases: readonly DatabaseName[];
}

export interface RedisShape {
  readonly name: string;
  readonly port: 'redis' | 'redisCache1' | 'redisCache2';
  readonly holds: 'limit' | 'cache' | 'both';
}

/** The databases, and whose they are. */
export const DATABASES = ['cart', 'loms', 'notifier', 'log'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export type ShapeName = keyof typeof SHAPES;

const LIGHT: Shape = {
  call: 'just up',
  data: 'one PostgreSQL',
  servers: [{ name: 'postgres', port: 'postgres', databases: DATABASES }],
  brokers: 0,
  instances: 1,
  hasBouncers: false,
  redis: [{ name: 'redis', port: 'redis', holds: 'both' }],
  hasPrometheus: false,
};

const KAFKA: Shape = {
  ...LIGHT,
  call: 'just up kafka',
  data: 'one PostgreSQL and one Kafka broker',
  servers: [{ name: 'postgres', port: 'postgres', databases: ['cart', 'loms', 'notifier'] }],
  brokers: 1,
};

export const SHAPES = {
  light: LIGHT,
  kafka: KAFKA,
  full: {
    call: 'just up full',
    data: 'a PostgreSQL for each service and three Kafka brokers',
    servers: [
      { name: 'postgres-cart', port: 'postgresCart', databases: ['cart'] },
      { name: 'postgres-loms', port: 'postgresLoms', databases: ['loms'] },
      { name: 'postgres-notifier', port: 'postgresNotifier', databases: ['notifier'] },
    ],
    brokers: 3,
    instances: 2,
    hasBouncers: true,
    redis: [
      { name: 'redis-limiter', port: 'redis', holds: 'limit' },
      { name: 'redis-cache-1', port: 'redisCache1', holds: 'cache' },
      { name: 'redis-cache-2', port: 'redisCache2', holds: 'cache' },
    ],
    hasPrometheus: true,
  },
  /** For the laboratory: what its faults are about, and little else. */
  faults: {
    ...KAFKA,
    call: 'just faults kafka',
    data: 'one PostgreSQL and three Kafka brokers',
    brokers: 3,
    instances: 2,
    redis: [],
  },
} as const satisfies Readonly<Record<string, Shape>>;

/** What this state folder's data goes with; undefined before its first start. */
export function readShape(files: RunFiles): Shape | undefined {
  const name = readShapeName(files);
  return name === undefined ? undefined : SHAPES[name];
}

export function readShapeName(files: RunFiles): ShapeName | undefined {
  if (existsSync(files.shape)) {
    const name = readFileSync(files.shape, 'utf8');
    return Object.hasOwn(SHAPES, name) ? (name as ShapeName) : 'light';
  }
  // Made before there was a choice.
  return existsSync(files.plan) ? 'light' : undefined;
}

/** Where there is nothing to look at yet. */
export const notStarted = () => `Tally was not started here yet: ${inWords('up')} starts it.`;

/**
 * Data goes with one shape for ever: another one would look for it in other servers, and the databases say where in which
 * log each event lies.
 */
export function requireSameShape(files: RunFiles, stateDir: string, asked: ShapeName): void {
  const name = readShapeName(files);
  if (name === undefined || name === asked) return;
  throw new AppError(
    'failed-precondition',
    `The data in ${stateDir} lies in ${SHAPES[name].data}: just up goes on with it. For ${SHAPES[asked].call} choose another folder with TALLY_STATE_DIR, or remove this data for ever with just down --remove.`,
  );
}

export function rememberShape(files: RunFiles, name: ShapeName): void {
  writeFileSync(files.shape, name);
}
