import { join, resolve } from 'node:path';

import { type ConfigReader, type Environment, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import type { PlannedPort } from './plan/plan.ts';

/** What the launcher itself reads from the environment. */
export interface LocalConfig {
  /** The checkout. */
  readonly root: string;
  /** Where everything is kept that the launcher writes. */
  readonly stateDir: string;
  readonly ports: Readonly<Record<PortName, PlannedPort>>;
  readonly maxLogBytes: number;
  readonly drainMs: number;
  /** The whole environment, from which each process gets what is its own. */
  readonly env: Environment;
}

/** The folder of this checkout. */
export const CHECKOUT = resolve(import.meta.dir, '../..');

export type PortName = keyof typeof PORTS;

// All below the ephemeral range, none a standard port of another program.
const PORTS = {
  cartGrpc: { variable: 'CART_GRPC_PORT', fallback: 8083, purpose: 'gRPC' },
  cartAdmin: { variable: 'CART_ADMIN_PORT', fallback: 8081, purpose: 'admin' },
  lomsGrpc: { variable: 'LOMS_GRPC_PORT', fallback: 9083, purpose: 'gRPC' },
  lomsAdmin: { variable: 'LOMS_ADMIN_PORT', fallback: 9081, purpose: 'admin' },
  notifierGrpc: { variable: 'NOTIFIER_GRPC_PORT', fallback: 10083, purpose: 'gRPC' },
  notifierAdmin: { variable: 'NOTIFIER_ADMIN_PORT', fallback: 10081, purpose: 'admin' },
  cart2Grpc: { variable: 'CART_2_GRPC_PORT', fallback: 8183, purpose: 'gRPC' },
  cart2Admin: { variable: 'CART_2_ADMIN_PORT', fallback: 8181, purpose: 'admin' },
  loms2Grpc: { variable: 'LOMS_2_GRPC_PORT', fallback: 9183, purpose: 'gRPC' },
  loms2Admin: { variable: 'LOMS_2_ADMIN_PORT', fallback: 9181, purpose: 'admin' },
  notifier2Grpc: { variable: 'NOTIFIER_2_GRPC_PORT', fallback: 10183, purpose: 'gRPC' },
  notifier2Admin: { variable: 'NOTIFIER_2_ADMIN_PORT', fallback: 10181, purpose: 'admin' },
  productGrpc: { variable: 'PRODUCT_GRPC_PORT', fallback: 8082, purpose: 'gRPC' },
  productHttp: { variable: 'PRODUCT_HTTP_PORT', fallback: 8080, purpose: 'HTTP' },
  postgres: { variable: 'TALLY_POSTGRES_PORT', fallback: 15432, purpose: 'PostgreSQL' },
  postgresCart: { variable: 'TALLY_POSTGRES_CART_PORT', fallback: 15433, purpose: 'PostgreSQL' },
  postgresLoms: { variable: 'TALLY_POSTGRES_LOMS_PORT', fallback: 15434, purpose: 'PostgreSQL' },
  postgresNotifier: { variable: 'TALLY_POSTGRES_NOTIFIER_PORT', fallback: 15435, purpose: 'PostgreSQL' },
  pgbouncerCart: { variable: 'TALLY_PGBOUNCER_CART_PORT', fallback: 16433, purpose: 'pgbouncer' },
  pgbouncerLoms: { variable: 'TALLY_PGBOUNCER_LOMS_PORT', fallback: 16434, purpose: 'pgbouncer' },
  pgbouncerNotifier: { variable: 'TALLY_PGBOUNCER_NOTIFIER_PORT', fallback: 16435, purpose: 'pgbouncer' },
  kafka: { variable: 'TALLY_KAFKA_PORT', fallback: 19092, purpose: 'Kafka' },
  kafkaController: { variable: 'TALLY_KAFKA_CONTROLLER_PORT', fallback: 19093, purpose: "Kafka's controller" },
  kafka2: { variable: 'TALLY_KAFKA_2_PORT', fallback: 19094, purpose: 'Kafka' },
  kafka2Controller: { variable: 'TALLY_KAFKA_2_CONTROLLER_PORT', fallback: 19095, purpose: "Kafka's controller" },
  kafka3: { variable: 'TALLY_KAFKA_3_PORT', fallback: 19096, purpose: 'Kafka' },
  kafka3Controller: { variable: 'TALLY_KAFKA_3_CONTROLLER_PORT', fallback: 19097, purpose: "Kafka's controller" },
  redis: { variable: 'TALLY_REDIS_PORT', fallback: 16399, purpose: 'Redis' },
  redisCache1: { variable: 'TALLY_REDIS_CACHE_1_PORT', fallback: 16400, purpose: 'Redis' },
  redisCache2: { variable: 'TALLY_REDIS_CACHE_2_PORT', fallback: 16401, purpose: 'Redis' },
  prometheus: { variable: 'TALLY_PROMETHEUS_PORT', fallback: 19090, purpose: 'HTTP' },
} as const satisfies Record<string, { variable: string; fallback: number; purpose: string }>;

/** The variables that move a port. */
export const PORT_VARIABLES = Object.values(PORTS).map(({ variable }) => variable);

const MIB = 1024 * 1024;

export function readLocalConfig(env: Environment, root: string): LocalConfig {
  const config = readConfig(env, (reader) => readLocalVariables(reader, env, root));
  refuseSharedPorts(Object.values(config.ports));
  return config;
}

/** Reads the variables of the launcher. `env` is passed on to the programs that it starts. */
export function readLocalVariables(reader: ConfigReader, env: Environment, root: string): LocalConfig {
  const readPort = (name: PortName): PlannedPort => {
    const { variable, fallback, purpose } = PORTS[name];
    const port = reader.port(variable, `Port for ${purpose}.`, fallback, 1);
    return { port, variable, purpose };
  };
  return {
    root,
    stateDir: resolve(
      root,
      reader.text('TALLY_STATE_DIR', 'Folder for data, logs and run files.', join(root, '.local')),
    ),
    ports: Object.fromEntries((Object.keys(PORTS) as PortName[]).map((name) => [name, readPort(name)])) as Record<
      PortName,
      PlannedPort
    >,
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
