import { randomUUID } from 'node:crypto';

import { openEventLog } from '@tally/platform/events';
import { bindService, startKeyExpiry } from '@tally/platform/grpc';
import { type RunningService, type ServiceFrame, startService } from '@tally/platform/lifecycle';
import { createLease } from '@tally/platform/postgres';
import { TOPICS } from '@tally/proto/events';
import { Loms } from '@tally/proto/loms';

import { createBatchMetrics } from './batch/batch-metrics.ts';
import { type Batcher, startBatcher } from './batch/batcher.ts';
import { startOrderExpiry } from './batch/order-expiry.ts';
import type { LomsConfig } from './config.ts';
import { createPostgresOutbox } from './outbox/outbox-postgres.ts';
import { startRelay } from './outbox/relay.ts';
import { createLomsRpc } from './rpc.ts';
import { createPostgresStore } from './store/store-postgres.ts';
import type { Store } from './store/store.ts';

// The share of the command queue that expire commands may fill, so that a flood of due orders leaves room for callers.
const EXPIRY_SHARE = 0.25;
// After the active relay was killed, events wait about this long. A relay that stops cleanly releases its lease.
const RELAY_LEASE_MS = 3_000;
// Events gather in this pause. A round costs nearly the same for many events as for one.
const RELAY_MIN_PAUSE_MS = 20;
const RELAY_MAX_EVENTS = 500;
const LOG_CONNECTIONS = 2;

/** Starts loms. Disposing the result stops its parts in the reverse order. */
export function start(config: LomsConfig): Promise<RunningService> {
  return startService(config, async (frame, stack) => {
    const { db, loop } = frame;
    const relay = stack.use(await openRelay(frame, stack, config));
    const store = createPostgresStore(db);
    const batcher = stack.use(openBatcher(frame, config, store, relay.wake));
    const maxCommands = Math.ceil(config.maxQueuedCommands * EXPIRY_SHARE);
    stack.use(startOrderExpiry({ ...loop, store, batcher }, { intervalMs: config.expiryIntervalMs, maxCommands }));
    stack.use(startKeyExpiry({ ...loop, store }));
    const { paymentTimeoutMs } = config;
    const rpc = createLomsRpc({ batcher, store, clock: loop.clock, newId: randomUUID, paymentTimeoutMs });
    return frame.serve([bindService(Loms, rpc)]);
  });
}

async function openRelay(frame: ServiceFrame, stack: AsyncDisposableStack, config: LomsConfig) {
  const { name, db, loop, log, openDb, giveUp } = frame;
  const eventLog = stack.use(
    await openEventLog({ ...loop, name, openDb, giveUp }, config, { topics: TOPICS, maxConnections: LOG_CONNECTIONS }),
  );
  const holder = randomUUID();
  log.info({ holder }, 'the relay starts; this id stands in the table leases while the relay is active');
  const lease = createLease(db, 'relay', holder, RELAY_LEASE_MS);
  return startRelay(
    { ...loop, log, eventLog, lease, outbox: createPostgresOutbox(db) },
    { intervalMs: config.relayIntervalMs, minPauseMs: RELAY_MIN_PAUSE_MS, maxEvents: RELAY_MAX_EVENTS },
  );
}

function openBatcher(frame: ServiceFrame, config: LomsConfig, store: Store, onEvents: () => void): Batcher {
  const { log, cutOff } = frame;
  const { clock, random } = frame.loop;
  const { maxQueuedCommands, maxBatchCommands, maxBatchLines } = config;
  const metrics = createBatchMetrics(frame.metrics);
  const batcher = startBatcher(
    { store, clock, random, log, onEvents, onBatch: metrics.onBatch, cutOff },
    { maxQueuedCommands, maxBatchCommands, maxBatchLines },
  );
  metrics.watchQueue(() => batcher.queuedCommands);
  return batcher;
}
