import { openEventLog } from '@tally/platform/events';
import { bindService } from '@tally/platform/grpc';
import { type RunningService, startService } from '@tally/platform/lifecycle';
import { CONSUMER_GROUPS, ORDER_EVENTS_TOPIC, TOPICS } from '@tally/proto/events';
import { Notifier } from '@tally/proto/notifier';

import type { NotifierConfig } from './config.ts';
import { createConsumeMetrics } from './consume-metrics.ts';
import { consume } from './consume.ts';
import { createNotifierRpc } from './rpc.ts';
import { createPostgresStore } from './store-postgres.ts';
import { tellByLog } from './tell.ts';

const LOG_CONNECTIONS = 4;

/** Starts the notifier. Disposing it stops its parts in the reverse order of their start. */
export function start(config: NotifierConfig): Promise<RunningService> {
  return startService(config, async (frame, stack) => {
    const { name, db, openDb, giveUp, loop, log, metrics, tracer, serve } = frame;
    const eventLog = stack.use(
      await openEventLog({ ...loop, name, openDb, giveUp }, config, {
        topics: TOPICS,
        maxConnections: LOG_CONNECTIONS,
      }),
    );
    const store = createPostgresStore(db);
    const deps = { store, eventLog, tell: tellByLog(log, tracer), count: createConsumeMetrics(metrics) };
    stack.use(
      eventLog.subscribe({
        topic: ORDER_EVENTS_TOPIC,
        group: CONSUMER_GROUPS.notifier,
        maxBatchEvents: config.maxBatchEvents,
        handler: (batch, context) => consume(deps, batch, context),
      }),
    );
    return serve([bindService(Notifier, createNotifierRpc({ store, clock: loop.clock }))]);
  });
}
