import { systemClock } from '@tally/platform/concurrency';
import { openPostgresLog } from '@tally/platform/events';
import { bindService, startGrpcServer } from '@tally/platform/grpc';
import { openTelemetry, requireTrueClock, startAdmin } from '@tally/platform/lifecycle';
import { openDb } from '@tally/platform/postgres';
import { Counter } from '@tally/platform/telemetry';
import { Notifier } from '@tally/proto/notifier';

import type { NotifierConfig } from './config.ts';
import { consume } from './consume.ts';
import { DEAD_LETTERS_TOPIC, ORDER_EVENTS_PARTITIONS, ORDER_EVENTS_TOPIC } from './order-event.ts';
import { createNotifierRpc } from './rpc.ts';
import { createPostgresStore } from './store-postgres.ts';
import { tellByLog } from './tell.ts';

const LOG_CONNECTIONS = 4;
const GROUP = 'notifier';

/** The notifier as a value: its ports, and its end. */
export interface RunningNotifier extends AsyncDisposable {
  readonly grpcPort: number;
  readonly adminPort: number;
}

/** Builds everything in order; disposing takes it apart in the reverse order. */
export async function start(config: NotifierConfig): Promise<RunningNotifier> {
  await using stack = new AsyncDisposableStack();
  const telemetry = stack.use(openTelemetry(config));
  const { log, metrics, tracer } = telemetry;
  const onError = (error: unknown) => log.warn({ error }, 'something failed, and is tried again');
  const open = (url: string, maxConnections: number) =>
    stack.use(openDb({ url, applicationName: config.name, maxConnections, onError }));
  const db = open(config.databaseUrl, config.databaseConnections);
  await requireTrueClock(db, config.mode);
  const eventLog = stack.use(
    openPostgresLog({ db: open(config.logUrl, LOG_CONNECTIONS), clock: systemClock, random: Math.random, onError }),
  );
  await eventLog.ensureTopic(ORDER_EVENTS_TOPIC, ORDER_EVENTS_PARTITIONS);
  await eventLog.ensureTopic(DEAD_LETTERS_TOPIC, ORDER_EVENTS_PARTITIONS);

  const store = createPostgresStore(db);
  const events = new Counter({
    name: 'notifier_events_total',
    help: 'Events by what became of them.',
    labelNames: ['result'],
    registers: [metrics],
  });
  const deps = {
    store,
    eventLog,
    tell: tellByLog(log, tracer),
    count: (result: string, n: number) => events.labels(result).inc(n),
  };
  stack.use(
    eventLog.subscribe({
      topic: ORDER_EVENTS_TOPIC,
      group: GROUP,
      maxBatchEvents: config.maxBatchEvents,
      handler: (batch) => consume(deps, batch),
    }),
  );
  const server = stack.use(
    await startGrpcServer({
      name: config.name,
      host: config.host,
      port: config.grpcPort,
      drainMs: config.drainMs,
      services: [bindService(Notifier, createNotifierRpc(store))],
      ...telemetry,
    }),
  );
  const notReady = () =>
    db.query('select 1').then(
      () => undefined,
      () => 'the database does not answer',
    );
  const admin = stack.use(startAdmin({ host: config.host, port: config.adminPort, metrics, notReady }));
  log.info({ grpcPort: server.port, adminPort: admin.port }, 'notifier is up');
  const owned = stack.move();
  return { grpcPort: server.port, adminPort: admin.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
