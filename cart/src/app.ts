import { randomUUID } from 'node:crypto';

import { createWorkerPool } from '@tally/platform/concurrency';
import { bindService, hopDeadline, openGrpcClient, startKeyExpiry } from '@tally/platform/grpc';
import { type RunningService, startService } from '@tally/platform/lifecycle';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';

import { createCheckouts } from './checkout/checkout.ts';
import { createCheckoutWatch } from './checkout/checkout-metrics.ts';
import type { CartConfig } from './config.ts';
import { createOrders } from './orders/orders-grpc.ts';
import { openProducts } from './app-products.ts';
import { startResumer } from './checkout/resumer.ts';
import { createCartRpc } from './rpc.ts';
import { createPostgresStore } from './store/store-postgres.ts';

const MAX_RESUMED_CHECKOUTS = 16;

/** cart as a value. Builds everything in order; disposing takes it apart in the reverse order. */
export function start(config: CartConfig): Promise<RunningService> {
  return startService(config, async (frame, stack) => {
    const { db, loop, tracer } = frame;
    const { clock } = loop;
    const store = createPostgresStore({ db, ...loop });
    const interceptors = [hopDeadline(clock.nowMs)];
    const loms = openGrpcClient(Loms, {
      addresses: config.lomsAddresses,
      tracer,
      interceptors,
      areOurs: true,
    });
    const orders = createOrders(stack.use(loms));
    const products = await openProducts(frame, config, stack);
    const pool = createWorkerPool({ workers: config.lookUpWorkers, maxQueued: config.maxQueuedLookUps });

    const finishing = { ...loop, store, orders, watch: createCheckoutWatch(frame) };
    stack.use(startResumer(finishing, { intervalMs: config.resumeIntervalMs, maxCheckouts: MAX_RESUMED_CHECKOUTS }));
    stack.use(startKeyExpiry({ ...loop, store }));
    const checkouts = stack.use(createCheckouts({ ...finishing, newId: randomUUID, cutOff: frame.cutOff }));
    return frame.serve([bindService(Cart, createCartRpc({ store, products, orders, pool, checkouts, clock }))]);
  });
}
