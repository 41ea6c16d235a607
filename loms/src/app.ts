import { randomUUID } from 'node:crypto';

import { type EventLog, openEventLog } from '@tally/platform/events';
import { bindService, startKeyExpiry } from '@tally/platform/grpc';
import { type RunningService, type ServiceFrame, startService } from '@tally/platform/lifecycle';
import { createLease } from '@tally/platform/postgres';
import { TOPICS } from '@tally/proto/events';
import { Loms } from '@tally/proto/loms';

import { startBatcher } from './batch/batcher.ts';
import { createBatchWatch } from './batch/batch-metrics.ts';
import type { LomsConfig } from './config.ts';
import { startExpiry } from './expiry/order-expiry.ts';
import { createPostgresOutbox } from './outbox/outbox-postgres.ts';
import { startRelay } from './outbox/relay.ts';
import { createLomsRpc } from './rpc.ts';
import { createPostgresStore } from './store/store-postgres.ts';

// Of the command queue: a flood of due orders leaves the rest to shoppers.
const EXPIRY_SHARE = 0.25;
const RELAY_LEASE_MS = 3_000;
// Events gather meanwhile: a round costs nearly the same for one as for many.
const RELAY_MIN_PAUSE_MS = 20;
const RELAY_MAX_EVENTS = 500;
const LOG_CONNECTIONS = 2;

/** loms as a value. Builds everything in order; disposing takes it apart in the reverse order. */
export function start(config: LomsConfig): Promise<RunningService> {
  return startService(config, async (frame, stack) => {
    const { db, loop, log, metrics } = frame;
    const eventLog = stack.use(
      await openEventLog({ ...frame, ...loop }, config, { topics: TOPICS, maxConnections: LOG_CONNECTIONS }),
    );
    const relay = stack.use(openRelay(frame, eventLog, config.relayIntervalMs));
    const store = createPostgresStore(db);
    const watch = createBatchWatch(metrics);
    const batcher = stack.use(
      startBatcher(
        { ...loop, store, log, onEvents: relay.wake, onBatch: watch.onBatch, cutOff: frame.cutOff },
        { ...config, paymentTimeoutMs: config.paymentTimeoutSeconds * 1000 },
      ),
    );
    watch.queue(() => batcher.queuedCommands);
    const maxCommands = Math.ceil(config.maxQueuedCommands * EXPIRY_SHARE);
    stack.use(startExpiry({ ...loop, store, batcher }, { intervalMs: config.expiryIntervalMs, maxCommands }));
    stack.use(startKeyExpiry({ ...loop, store }));
    return frame.serve([bindService(Loms, createLomsRpc({ batcher, store, clock: loop.clock, newId: randomUUID }))]);
  });
}

function openRelay({ db, loop, log }: ServiceFrame, eventLog: EventLog, intervalMs: number) {
  const holder = randomUUID();
  const lease = createLease(db, 'relay', holder, RELAY_LEASE_MS);
  log.info({ holder }, 'the relay asks for its lease by this name');
  const deps = { ...loop, log, eventLog, lease, outbox: createPostgresOutbox(db) };
  return startRelay(deps, { intervalMs, minPauseMs: RELAY_MIN_PAUSE_MS, maxEvents: RELAY_MAX_EVENTS });
}
