import { randomUUID } from 'node:crypto';

import { systemClock } from '@tally/platform/concurrency';
import { openPostgresLog } from '@tally/platform/events';
import { bindService, startGrpcServer } from '@tally/platform/grpc';
import { openTelemetry, requireTrueClock, startAdmin } from '@tally/platform/lifecycle';
import { createLease, openDb } from '@tally/platform/postgres';
import { Loms } from '@tally/proto/loms';

import { startBatcher } from './batcher.ts';
import type { LomsConfig } from './config.ts';
import { startExpiry } from './expiry.ts';
import { startKeyExpiry } from './key-expiry.ts';
import { ORDER_EVENTS_PARTITIONS, ORDER_EVENTS_TOPIC } from './order-event.ts';
import { createPostgresOutbox } from './outbox-postgres.ts';
import { startRelay } from './relay.ts';
import { createLomsRpc } from './rpc.ts';
import { createPostgresStore } from './store-postgres.ts';

// Of the command queue: a flood of due orders leaves the rest to shoppers.
const EXPIRY_SHARE = 0.25;
const RELAY_LEASE_MS = 3_000;
// Events gather meanwhile: a round costs the same for one as for hundreds.
const RELAY_MIN_PAUSE_MS = 20;
const RELAY_MAX_EVENTS = 500;
const LOG_CONNECTIONS = 2;

/** loms as a value: its ports, and its end. */
export interface RunningLoms extends AsyncDisposable {
  readonly grpcPort: number;
  readonly adminPort: number;
}

/** Builds everything in order; disposing takes it apart in the reverse order. */
export async function start(config: LomsConfig): Promise<RunningLoms> {
  await using stack = new AsyncDisposableStack();
  const telemetry = stack.use(openTelemetry(config));
  const { log } = telemetry;
  const db = stack.use(
    openDb({
      url: config.databaseUrl,
      applicationName: config.name,
      maxConnections: config.databaseConnections,
      onError: (error) => log.warn({ error }, 'a database connection broke'),
    }),
  );
  await requireTrueClock(db, config.mode);
  const loop = {
    clock: systemClock,
    random: Math.random,
    onError: (error: unknown) => log.warn({ error }, 'a loop failed'),
  };
  const logDb = stack.use(
    openDb({
      url: config.logUrl,
      applicationName: config.name,
      maxConnections: LOG_CONNECTIONS,
      onError: loop.onError,
    }),
  );
  const eventLog = stack.use(openPostgresLog({ db: logDb, ...loop }));
  await eventLog.ensureTopic(ORDER_EVENTS_TOPIC, ORDER_EVENTS_PARTITIONS);
  const relay = stack.use(
    startRelay(
      {
        ...loop,
        log,
        eventLog,
        outbox: createPostgresOutbox(db),
        lease: createLease(db, 'relay', randomUUID(), RELAY_LEASE_MS),
      },
      { intervalMs: config.relayIntervalMs, minPauseMs: RELAY_MIN_PAUSE_MS, maxEvents: RELAY_MAX_EVENTS },
    ),
  );
  const store = createPostgresStore(db);
  const batcher = stack.use(
    startBatcher(
      { store, clock: systemClock, random: Math.random, log, onEvents: relay.wake },
      { ...config, paymentTimeoutMs: config.paymentTimeoutSeconds * 1000 },
    ),
  );
  const maxCommands = Math.ceil(config.maxQueuedCommands * EXPIRY_SHARE);
  stack.use(startExpiry({ ...loop, store, batcher }, { intervalMs: config.expiryIntervalMs, maxCommands }));
  stack.use(startKeyExpiry({ ...loop, store }));
  const admin = stack.use(
    startAdmin({
      host: config.host,
      port: config.adminPort,
      metrics: telemetry.metrics,
      notReady: async () => undefined,
    }),
  );
  const server = stack.use(
    await startGrpcServer({
      name: config.name,
      host: config.host,
      port: config.grpcPort,
      drainMs: config.drainMs,
      services: [bindService(Loms, createLomsRpc({ batcher, store }))],
      ...telemetry,
    }),
  );
  log.info({ grpcPort: server.port, adminPort: admin.port }, 'loms is up');
  const owned = stack.move();
  return { grpcPort: server.port, adminPort: admin.port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
