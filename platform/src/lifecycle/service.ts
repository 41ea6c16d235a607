import { type EveryDeps, systemClock } from '../concurrency/index.ts';
import { AppError } from '../errors/index.ts';
import { type BoundService, startGrpcServer } from '../grpc/index.ts';
import { type Db, type Queryable, openDb } from '../postgres/index.ts';
import { type Log, type Registry, type Tracer, createLog, createMetrics, openTracing } from '../telemetry/index.ts';
import { tallyVersion } from '../version/index.ts';
import { startAdmin } from './admin.ts';
import type { ServiceConfig } from './service-config.ts';

/** Log, metrics and traces of one program. Disposing it sends the spans that are left. */
interface Telemetry extends AsyncDisposable {
  readonly log: Log;
  readonly metrics: Registry;
  readonly tracer: Tracer;
}

/** Opens the telemetry of a program, with its name in every log line, metric and span. */
export function openTelemetry(config: Pick<ServiceConfig, 'name' | 'logLevel' | 'otlpEndpoint'>): Telemetry {
  const tracing = openTracing(config.name, config.otlpEndpoint);
  return {
    log: createLog(config.name, config.logLevel),
    metrics: createMetrics(config.name),
    tracer: tracing.tracer,
    [Symbol.asyncDispose]: () => tracing[Symbol.asyncDispose](),
  };
}

/** The parts that every service has, opened by `startService`. */
export interface ServiceFrame extends Telemetry {
  readonly name: string;
  /** Pool of connections to the service's own database. */
  readonly db: Db;
  /** Clock, randomness and error log for the service's loops. */
  readonly loop: EveryDeps;
  /** Opens another pool, on the same or another database. It is closed with the service. */
  openDb(url: string, maxConnections: number): Db;
  /** Aborts when the drain limit has passed since the service began to stop. Work that still runs must stop then. */
  readonly cutOff: AbortSignal;
  /** Reports that the service cannot continue in this process. The process ends, and its supervisor restarts it. */
  giveUp(error: Error): void;
  /** Starts to serve gRPC and the admin port. */
  serve(services: readonly BoundService[]): Promise<ServicePorts>;
}

/** Ports that a service listens on. */
interface ServicePorts {
  readonly grpcPort: number;
  readonly adminPort: number;
}

/** A started service. Disposing it drains its calls and closes all its parts. */
export interface RunningService extends ServicePorts, AsyncDisposable {
  /** Resolves when the service cannot continue in this process. */
  readonly gaveUp: Promise<Error>;
}

const READY_LIMIT_MS = 1_000;

/**
 * Starts a service. `build` creates its parts on the frame, pushes them onto the stack, and ends with `serve`. All
 * parts are disposed in reverse order when the service is disposed, and also when its start fails.
 */
export async function startService<C extends ServiceConfig>(
  config: C,
  build: (frame: ServiceFrame, stack: AsyncDisposableStack) => Promise<ServicePorts>,
): Promise<RunningService> {
  await using stack = new AsyncDisposableStack();
  const telemetry = stack.use(openTelemetry(config));
  const { log, metrics } = telemetry;
  const { name, namedStatements } = config;
  const onError = (error: unknown) => log.warn({ error }, 'background work failed and will be retried');
  const open = (url: string, maxConnections: number) =>
    stack.use(openDb({ url, applicationName: name, maxConnections, namedStatements, onError }));
  const db = open(config.databaseUrl, config.databaseConnections);
  await requireTrueClock(db, config.mode);
  const gaveUp = Promise.withResolvers<Error>();
  const cutOff = new AbortController();
  const frame: ServiceFrame = {
    ...telemetry,
    name,
    db,
    loop: { clock: systemClock, random: Math.random, onError },
    openDb: open,
    cutOff: cutOff.signal,
    giveUp(error) {
      log.error({ error }, 'the service cannot continue in this process, which will end');
      gaveUp.resolve(error);
    },
    async serve(services) {
      const { host, grpcPort, adminPort, drainMs } = config;
      const admin = stack.use(startAdmin(host, adminPort, { metrics, notReady: () => findTrouble(db) }));
      const server = stack.use(await startGrpcServer({ ...telemetry, name, host, port: grpcPort, drainMs, services }));
      return { grpcPort: server.port, adminPort: admin.port };
    },
  };
  const ports = await build(frame, stack);
  log.info({ ...ports, version: tallyVersion() }, `${name} is up`);
  const parts = stack.move();
  return {
    ...ports,
    gaveUp: gaveUp.promise,
    async [Symbol.asyncDispose]() {
      const timer = setTimeout(() => cutOff.abort(), config.drainMs);
      await parts.disposeAsync().finally(() => clearTimeout(timer));
    },
  };
}

/** Resolves with the reason why a service with this database cannot serve callers, or with undefined when it can. */
export async function findTrouble(db: Pick<Db, 'within'>): Promise<string | undefined> {
  try {
    await db.within(READY_LIMIT_MS).query('select 1');
    return undefined;
  } catch {
    return 'the database does not answer';
  }
}

/** Throws AppError in production while the business clock of the database is shifted. Only tests may shift it. */
export async function requireTrueClock(db: Queryable, mode: ServiceConfig['mode']): Promise<void> {
  if (mode !== 'production') return;
  const { rows } = await db.query(`select shift::text as shift from tally_clock where shift <> interval '0'`);
  if (rows.length > 0) {
    const repair = `update tally_clock set shift = '0'`;
    const message = `the database's clock is shifted by ${rows[0].shift}: production needs 0; ${repair}`;
    throw new AppError('failed-precondition', message);
  }
}
