import type { ConfigReader } from '../config/index.ts';
import { LOG_LEVELS, type LogLevel } from '../telemetry/index.ts';

/** Configuration that every service has. Names of variables that belong to one service begin with its name. */
export interface ServiceConfig {
  readonly name: string;
  /** In `production`, the service refuses to start while the clock of its database is shifted. */
  readonly mode: 'production' | 'development';
  readonly host: string;
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly databaseUrl: string;
  readonly databaseConnections: number;
  /** Whether queries are named statements, which saves planning. A pgbouncer older than 1.21 needs false. */
  readonly namedStatements: boolean;
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | undefined;
  /** Milliseconds that calls in flight get to end after SIGTERM. */
  readonly drainMs: number;
}

/** Ports of a service when its variables are not set. */
interface DefaultPorts {
  readonly grpcPort: number;
  readonly adminPort: number;
}

/** Reads the configuration that every service has. */
export function readServiceConfig(reader: ConfigReader, name: string, ports: DefaultPorts): ServiceConfig {
  const prefix = name.toUpperCase();
  return {
    name,
    mode: reader.oneOf(
      'TALLY_MODE',
      'In production, the service refuses to start while the clock of its database is shifted.',
      ['production', 'development'],
      'production',
    ),
    host: reader.text('TALLY_HOST', 'Address to listen on.', '127.0.0.1'),
    grpcPort: reader.port(`${prefix}_GRPC_PORT`, 'Port for gRPC.', ports.grpcPort),
    adminPort: reader.port(`${prefix}_ADMIN_PORT`, 'Port for /metrics, /healthz and /readyz.', ports.adminPort),
    databaseUrl: reader.url(`${prefix}_DATABASE_URL`, `Database of ${name}.`, ['postgres', 'postgresql']),
    databaseConnections: reader.integer(
      `${prefix}_DATABASE_CONNECTIONS`,
      'Maximum number of connections to the database.',
      { fallback: 10, min: 2, max: 200, unit: 'connections' },
    ),
    namedStatements:
      reader.oneOf(
        `${prefix}_DATABASE_NAMED_STATEMENTS`,
        'Whether queries are named statements, which saves planning; false for a pgbouncer older than 1.21.',
        ['true', 'false'],
        'true',
      ) === 'true',
    logLevel: reader.oneOf('LOG_LEVEL', 'Least severe log lines to write.', LOG_LEVELS, 'info'),
    otlpEndpoint: reader.optionalUrl(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTLP endpoint for traces, such as http://host:4318; without it no spans are recorded.',
      ['http', 'https'],
    ),
    drainMs: reader.integer('DRAIN_LIMIT_MS', 'Time that calls in flight get to end after SIGTERM.', {
      fallback: 10_000,
      min: 0,
      max: 300_000,
      unit: 'ms',
    }),
  };
}
