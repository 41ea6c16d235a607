import { type EveryDeps, systemClock } from '../concurrency/index.ts';
import type { ConfigReader } from '../config/index.ts';
import { AppError } from '../errors/index.ts';
import { type BoundService, startGrpcServer } from '../grpc/index.ts';
import { type Db, type Queryable, openDb } from '../postgres/index.ts';
import {
  LOG_LEVELS,
  type Log,
  type LogLevel,
  type Registry,
  type Tracer,
  createLog,
  createMetrics,
  openTracing,
} from '../telemetry/index.ts';
import { startAdmin } from './admin.ts';

/** What every service is configured with. Its variables begin with the service's name: `LOMS_GRPC_PORT`. */
export interface ServiceConfig {
  readonly name: string;
  readonly mode: 'production' | 'development';
  readonly host: string;
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly databaseUrl: string;
  readonly databaseConnections: number;
  /** Named statements save planning. Off before pgbouncer older than 1.21. */
  readonly namedStatements: boolean;
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | undefined;
  /** How long calls in flight may run on after SIGTERM. */
  readonly drainMs: number;
}

export interface DefaultPorts {
  readonly grpcPort: number;
  readonly adminPort: number;
}

export function readServiceConfig(reader: ConfigReader, name: string, ports: DefaultPorts): ServiceConfig {
  const prefix = name.toUpperCase();
  return {
    name,
    mode: reader.oneOf(
      'TALLY_MODE',
      'Whether the service refuses to start while the clock of its database is shifted (production).',
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
      {
        fallback: 10,
        min: 2,
        max: 200,
        unit: 'connections',
      },
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

/** What every service watches itself with. */
export interface Telemetry extends AsyncDisposable {
  readonly log: Log;
  readonly metrics: Registry;
  readonly tracer: Tracer;
}

export function openTelemetry(config: Pick<ServiceConfig, 'name' | 'logLevel' | 'otlpEndpoint'>): Telemetry {
  const tracing = openTracing(config.name, config.otlpEndpoint);
  return {
    log: createLog(config.name, config.logLevel),
    metrics: createMetrics(config.name),
    tracer: tracing.tracer,
    [Symbol.asyncDispose]: () => tracing[Symbol.asyncDispose](),
  };
}

/** What every service stands on: its telemetry, its database, and what its loops need. */
export interface ServiceFrame extends Telemetry {
  readonly name: string;
  readonly db: Db;
  readonly loop: EveryDeps;
  /** Another pool of the service, on the same or another database. */
  openDb(url: string, maxConnections: number): Db;
  /** Aborts when the drain limit has passed since the service's end began: who still works stops where it stands. */
  readonly cutOff: AbortSignal;
  /** Something cannot go on in this process: it ends, and its supervisor starts it again. */
  giveUp(error: Error): void;
  /** Serves gRPC and the admin port; calls come from here on. */
  serve(services: readonly BoundService[]): Promise<ServicePorts>;
}

export interface ServicePorts {
  readonly grpcPort: number;
  readonly adminPort: number;
}

/** A service as a value: its ports, and its end. */
export interface RunningService extends ServicePorts, AsyncDisposable {
  /** Resolves when the service cannot go on in this process. */
  readonly gaveUp: Promise<Error>;
}

const READY_LIMIT_MS = 1_000;

/**
 * Starts a service: `build` puts its parts on the frame, in order, and ends with `serve`. What was opened is taken apart in
 * the reverse order when the service is disposed, and when its start fails.
 */
export async function startService<C extends ServiceConfig>(
  config: C,
  build: (frame: ServiceFrame, stack: AsyncDisposableStack) => Promise<ServicePorts>,
): Promise<RunningService> {
  await using stack = new AsyncDisposableStack();
  const telemetry = stack.use(openTelemetry(config));
  const { log, metrics } = telemetry;
  const { name: applicationName, namedStatements } = config;
  const onError = (error: unknown) => log.warn({ error }, 'something failed, and is tried again');
  const open = (url: string, maxConnections: number) =>
    stack.use(openDb({ url, applicationName, maxConnections, namedStatements, onError }));
  const db = open(config.databaseUrl, config.databaseConnections);
  await requireTrueClock(db, config.mode);
  const notReady = () =>
    db
      .within(READY_LIMIT_MS)
      .query('select 1')
      .then(
        () => undefined,
        () => 'the database does not answer',
      );
  const gaveUp = Promise.withResolvers<Error>();
  const cutOff = new AbortController();
  const frame: ServiceFrame = {
    ...telemetry,
    name: config.name,
    db,
    loop: { clock: systemClock, random: Math.random, onError },
    openDb: open,
    cutOff: cutOff.signal,
    giveUp(error) {
      log.error({ error }, 'it cannot go on in this process, which ends');
      gaveUp.resolve(error);
    },
    async serve(services) {
      const { name, host, grpcPort, adminPort, drainMs } = config;
      const admin = stack.use(startAdmin({ host, port: adminPort, metrics, notReady }));
      const server = stack.use(await startGrpcServer({ ...telemetry, name, host, port: grpcPort, drainMs, services }));
      return { grpcPort: server.port, adminPort: admin.port };
    },
  };
  const ports = await build(frame, stack);
  log.info(ports, `${config.name} is up`);
  const owned = stack.move();
  return {
    ...ports,
    gaveUp: gaveUp.promise,
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => cutOff.abort(), config.drainMs);
      await owned.disposeAsync().finally(() => clearTimeout(timer));
    },
  };
}

/** Refuses to go on in production while the database's business clock is shifted: only tests move it. */
export async function requireTrueClock(db: Queryable, mode: ServiceConfig['mode']): Promise<void> {
  if (mode !== 'production') return;
  const { rows } = await db.query(`select shift::text as shift from tally_clock where shift <> interval '0'`);
  if (rows.length > 0) {
    const message = `the database's clock is shifted by ${rows[0].shift}: production needs 0; update tally_clock set shift = '0'`;
    throw new AppError('failed-precondition', message);
  }
}
