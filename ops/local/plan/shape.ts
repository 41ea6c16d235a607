import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { SERVICE_DATABASES } from '@tally/ops/services.ts';
import { AppError } from '@tally/platform/errors';
import { DATABASE_NAMES, type DatabaseName } from '@tally/sql/databases';

import type { RunFiles } from '../run/run-files.ts';

/** What a system consists of. */
export interface Shape {
  /** The command that starts it. */
  readonly call: string;
  /** The servers that hold its data, in words. */
  readonly data: string;
  readonly servers: readonly ServerShape[];
  /** Number of Kafka brokers. Without any, PostgreSQL keeps the event log. */
  readonly brokers: 0 | 1 | 3;
  /** Number of instances of each service. */
  readonly instances: 1 | 2;
  /** Whether a pgbouncer stands between each service and its database. */
  readonly hasBouncers: boolean;
  readonly redis: readonly RedisShape[];
  /** Whether Prometheus runs, if it is on PATH. */
  readonly hasPrometheus: boolean;
}

/** A PostgreSQL server. */
export interface ServerShape {
  readonly name: string;
  /** The variable that moves its port. */
  readonly portVariable: string;
  readonly databases: readonly DatabaseName[];
}

/** A Redis server, which holds the limit of product calls, a shard of the product cache, or both. */
export interface RedisShape {
  readonly name: string;
  /** The variable that moves its port. */
  readonly portVariable: string;
  readonly holds: 'limit' | 'cache' | 'both';
}

export type ShapeName = keyof typeof SHAPES;

const LIGHT: Shape = {
  call: 'just up',
  data: 'one PostgreSQL',
  servers: [{ name: 'postgres', portVariable: 'TALLY_POSTGRES_PORT', databases: DATABASE_NAMES }],
  brokers: 0,
  instances: 1,
  hasBouncers: false,
  redis: [{ name: 'redis', portVariable: 'TALLY_REDIS_PORT', holds: 'both' }],
  hasPrometheus: false,
};

const KAFKA: Shape = {
  ...LIGHT,
  call: 'just up kafka',
  data: 'one PostgreSQL and one Kafka broker',
  servers: [{ name: 'postgres', portVariable: 'TALLY_POSTGRES_PORT', databases: SERVICE_DATABASES }],
  brokers: 1,
};

const FULL: Shape = {
  call: 'just up full',
  data: 'a PostgreSQL for each service and three Kafka brokers',
  servers: SERVICE_DATABASES.map((name) => ({
    name: `postgres-${name}`,
    portVariable: `TALLY_POSTGRES_${name.toUpperCase()}_PORT`,
    databases: [name],
  })),
  brokers: 3,
  instances: 2,
  hasBouncers: true,
  redis: [
    { name: 'redis-limiter', portVariable: 'TALLY_REDIS_PORT', holds: 'limit' },
    { name: 'redis-cache-1', portVariable: 'TALLY_REDIS_CACHE_1_PORT', holds: 'cache' },
    { name: 'redis-cache-2', portVariable: 'TALLY_REDIS_CACHE_2_PORT', holds: 'cache' },
  ],
  hasPrometheus: true,
};

/** The shape for `just faults`. It has only the parts that the experiments need. */
const FAULTS: Shape = {
  ...KAFKA,
  call: 'just faults kafka',
  data: 'one PostgreSQL and three Kafka brokers',
  brokers: 3,
  instances: 2,
  redis: [],
};

export const SHAPES = { light: LIGHT, kafka: KAFKA, full: FULL, faults: FAULTS };

/** Returns the shape in which the data of a state folder was created; undefined before the first start. */
export function readShapeName(files: RunFiles): ShapeName | undefined {
  if (existsSync(files.shape)) {
    const name = readFileSync(files.shape, 'utf8');
    return Object.hasOwn(SHAPES, name) ? (name as ShapeName) : 'light';
  }
  // Early versions had only the light shape, and did not record it.
  return existsSync(files.plan) ? 'light' : undefined;
}

/**
 * Throws an AppError if the data of a state folder was created in another shape. The servers of the new shape would not
 * have that data, and the databases record the position of each event in the log of the old shape.
 */
export function requireSameShape(files: RunFiles, stateDir: string, asked: ShapeName): void {
  const name = readShapeName(files);
  if (name === undefined || name === asked) return;
  const { data } = SHAPES[name];
  throw new AppError(
    'failed-precondition',
    `The data in ${stateDir} is held by ${data}: just up continues with it. For ${SHAPES[asked].call}, choose ` +
      'another folder with TALLY_STATE_DIR, or remove this data for ever with just down --remove.',
  );
}

export function rememberShape(files: RunFiles, name: ShapeName): void {
  writeFileSync(files.shape, name);
}
