import { join, resolve } from 'node:path';

import { type ConfigReader, type Environment, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { SERVICES, SERVICE_DATABASES, SERVICE_NAMES, listPorts } from '../services.ts';
import type { PlannedPort } from './plan/plan.ts';

/** What the launcher reads from the environment. */
export interface LocalConfig {
  /** Folder of the checkout. */
  readonly root: string;
  /** Folder of everything that the launcher writes. */
  readonly stateDir: string;
  /** Whether TALLY_STATE_DIR chose the folder. Commands that we print for the user to run then set the variable too. */
  readonly isStateDirChosen: boolean;
  /** Returns the port that is moved by the variable with this name. */
  readonly port: (variable: string) => PlannedPort;
  readonly maxLogBytes: number;
  readonly drainMs: number;
  /** When the command began, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** The whole environment. Each process gets only the variables that are meant for it. */
  readonly env: Environment;
}

/** Folder of this checkout. */
export const CHECKOUT = resolve(import.meta.dir, '../..');

const PURPOSES = { GRPC: 'gRPC', ADMIN: 'admin', HTTP: 'HTTP' } as const;

/** The variables that move the ports of each broker: its port for clients, and its port for the other brokers. */
export const BROKER_PORTS = ['KAFKA', 'KAFKA_2', 'KAFKA_3'].map(
  (name) => [`TALLY_${name}_PORT`, `TALLY_${name}_CONTROLLER_PORT`] as const,
);

// Every default is below the range from which Linux takes the ports of outgoing connections. PostgreSQL, pgbouncer,
// Kafka, Redis and Prometheus do not get their usual ports, because other servers of these kinds may run on the
// machine.
const PORTS: readonly PlannedPort[] = [
  ...SERVICE_NAMES.flatMap((name) =>
    (SERVICES[name].hasInstances ? [1, 2] : [1]).flatMap((instance) =>
      listPorts(name, instance).map(({ kind, variable, port }) => ({ variable, port, purpose: PURPOSES[kind] })),
    ),
  ),
  { variable: 'TALLY_POSTGRES_PORT', port: 15432, purpose: 'PostgreSQL' },
  ...SERVICE_DATABASES.flatMap((name, i) => [
    { variable: `TALLY_POSTGRES_${name.toUpperCase()}_PORT`, port: 15433 + i, purpose: 'PostgreSQL' },
    { variable: `TALLY_PGBOUNCER_${name.toUpperCase()}_PORT`, port: 16433 + i, purpose: 'pgbouncer' },
  ]),
  ...BROKER_PORTS.flatMap(([client, controller], i) => [
    { variable: client, port: 19092 + 2 * i, purpose: 'Kafka' },
    { variable: controller, port: 19093 + 2 * i, purpose: "Kafka's controller" },
  ]),
  { variable: 'TALLY_REDIS_PORT', port: 16399, purpose: 'Redis' },
  { variable: 'TALLY_REDIS_CACHE_1_PORT', port: 16400, purpose: 'Redis' },
  { variable: 'TALLY_REDIS_CACHE_2_PORT', port: 16401, purpose: 'Redis' },
  { variable: 'TALLY_PROMETHEUS_PORT', port: 19090, purpose: 'HTTP' },
];

/** The variables that move a port. */
export const PORT_VARIABLES = PORTS.map(({ variable }) => variable);

const MIB = 1024 * 1024;

/** Throws a ConfigError with every fault, or an AppError when two ports are the same. */
export function readLocalConfig(env: Environment, root: string): LocalConfig {
  const config = readConfig(env, (reader) => readLocalVariables(reader, env, root));
  refuseSharedPorts(PORT_VARIABLES.map(config.port));
  return config;
}

/** Reads the variables of the launcher. `env` is passed on to the programs that it starts. */
export function readLocalVariables(reader: ConfigReader, env: Environment, root: string): LocalConfig {
  const ports = new Map(
    PORTS.map(({ variable, port, purpose }) => {
      return [variable, { variable, purpose, port: reader.port(variable, `Port for ${purpose}.`, port, 1) }];
    }),
  );
  const startedAt = reader.optional(
    'TALLY_STARTED_AT_MS',
    'When the command began, in milliseconds since 1970. just up sets it, so that the time that it prints includes ' +
      'the installation.',
  );
  return {
    root,
    stateDir: resolve(
      root,
      reader.text('TALLY_STATE_DIR', 'Folder for data, logs and run files.', join(root, '.local')),
    ),
    isStateDirChosen: Boolean(env['TALLY_STATE_DIR']),
    port(variable) {
      const port = ports.get(variable);
      if (port === undefined) throw new Error(`no port has the variable ${variable}`);
      return port;
    },
    maxLogBytes:
      MIB *
      reader.integer('TALLY_MAX_LOG_MIB', 'Size at which a log file is cut.', {
        fallback: 16,
        min: 1,
        max: 1024,
        unit: 'MiB',
      }),
    drainMs: reader.integer('DRAIN_LIMIT_MS', 'Time that calls in flight get to end after SIGTERM.', {
      fallback: 10_000,
      min: 0,
      max: 300_000,
      unit: 'ms',
    }),
    startedAtMs: Number(startedAt) || Date.now(),
    env,
  };
}

function refuseSharedPorts(ports: readonly PlannedPort[]): void {
  for (const { port, variable } of ports) {
    const other = ports.find((candidate) => candidate.port === port && candidate.variable !== variable);
    if (other === undefined) continue;
    const message = `${variable} and ${other.variable} are both ${port}: each needs a port of its own.`;
    throw new AppError('invalid-argument', message);
  }
}
