import { systemClock } from '@tally/platform/concurrency';
import { bindService, startGrpcServer } from '@tally/platform/grpc';
import { openTelemetry, requireTrueClock, startAdmin } from '@tally/platform/lifecycle';
import { openDb } from '@tally/platform/postgres';
import { Loms } from '@tally/proto/loms';

import { startBatcher } from './batcher.ts';
import type { LomsConfig } from './config.ts';
import { startExpiry } from './expiry.ts';
import { startKeyExpiry } from './key-expiry.ts';
import { createLomsRpc } from './rpc.ts';
import { createPostgresStore } from './store-postgres.ts';

// Of the command queue: a flood of due orders leaves the rest to shoppers.
const EXPIRY_SHARE = 0.25;

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
  const store = createPostgresStore(db);
  const batcher = stack.use(
    startBatcher(
      { store, clock: systemClock, random: Math.random, log, onEvents: () => {} },
      { ...config, paymentTimeoutMs: config.paymentTimeoutSeconds * 1000 },
    ),
  );
  const loop = { clock: systemClock, random: Math.random, onError: (error: unknown) => log.warn({ error }, 'a loop failed') };
  const maxCommands = Math.ceil(config.maxQueuedCommands * EXPIRY_SHARE);
  stack.use(startExpiry({ ...loop, store, batcher }, { intervalMs: config.expiryIntervalMs, maxCommands }));
  stack.use(startKeyExpiry({ ...loop, store }));
  const admin = stack.use(
    startAdmin({ host: config.host, port: config.adminPort, metrics: telemetry.metrics, notReady: async () => undefined }),
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
