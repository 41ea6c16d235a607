import { randomUUID } from 'node:crypto';

import { createWorkerPool } from '@tally/platform/concurrency';
import { bindService, hopDeadline, openGrpcClient, startKeyExpiry } from '@tally/platform/grpc';
import { type RunningService, startService } from '@tally/platform/lifecycle';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';

import { openProducts } from './app-products.ts';
import { createCheckouts } from './checkout/checkout.ts';
import { createCheckoutMetrics } from './checkout/checkout-metrics.ts';
import { startResumer } from './checkout/resumer.ts';
import type { CartConfig } from './config.ts';
import { createGrpcOrders } from './orders/orders-grpc.ts';
import { createCartRpc } from './rpc.ts';
import { createPostgresStore } from './store/store-postgres.ts';

/** Maximum number of open checkouts that the resumer works on at the same time. */
const MAX_RESUMED_CHECKOUTS = 16;

/** Starts cart. Builds its parts in order; disposing the service takes them apart in the reverse order. */
export function start(config: CartConfig): Promise<RunningService> {
  return startService(config, async (frame, stack) => {
    const { db, loop, tracer, cutOff } = frame;
    const { clock } = loop;
    const store = createPostgresStore({ db, ...loop });
    const lomsClient = openGrpcClient(Loms, {
      addresses: config.lomsAddresses,
      tracer,
      interceptors: [hopDeadline(clock.nowMs)],
      areOurs: true,
    });
    const orders = createGrpcOrders(stack.use(lomsClient));
    const products = await openProducts(frame, config, stack);
    const pool = createWorkerPool({ workers: config.lookUpWorkers, maxQueued: config.maxQueuedLookUps });

    const finishDeps = { ...loop, store, orders, watch: createCheckoutMetrics(frame) };
    const resumerLimits = { intervalMs: config.resumeIntervalMs, maxCheckouts: MAX_RESUMED_CHECKOUTS };
    stack.use(startResumer(finishDeps, resumerLimits));
    stack.use(startKeyExpiry({ ...loop, store }));
    const checkouts = stack.use(createCheckouts({ ...finishDeps, newId: randomUUID, cutOff }));
    return frame.serve([bindService(Cart, createCartRpc({ store, products, orders, pool, checkouts, clock }))]);
  });
}
