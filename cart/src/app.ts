import { randomUUID } from 'node:crypto';

import { createTokenBucket, createWorkerPool } from '@tally/platform/concurrency';
import { bindService, detach, hopDeadline, limit, openGrpcClient } from '@tally/platform/grpc';
import { type RunningService, startService } from '@tally/platform/lifecycle';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { ProductService } from '@tally/proto/product';

import { createCheckouts } from './checkout.ts';
import { createCheckoutWatch } from './checkout-watch.ts';
import type { CartConfig } from './config.ts';
import { startKeyExpiry } from './key-expiry.ts';
import { createOrders } from './orders.ts';
import { createProducts } from './products.ts';
import { startResumer } from './resumer.ts';
import { createCartRpc } from './rpc.ts';
import { createPostgresStore } from './store-postgres.ts';

const MAX_RESUMED_CHECKOUTS = 16;
// What the product service allows over all its clients together.
const PRODUCT_CALLS = { ratePerSecond: 10, burst: 1, maxWaiting: 1_000 } as const;
const PRODUCT_CALL_LIMIT_MS = 2_000;

/** cart as a value. Builds everything in order; disposing takes it apart in the reverse order. */
export function start(config: CartConfig): Promise<RunningService> {
  return startService(config, async (frame, stack) => {
    const { db, loop, log, tracer } = frame;
    const { clock } = loop;
    const store = createPostgresStore({ db, ...loop });
    const hop = hopDeadline(clock.nowMs);
    const loms = openGrpcClient(Loms, { addresses: config.lomsAddresses, tracer, interceptors: [hop] });
    const orders = createOrders(stack.use(loms));
    const client = openGrpcClient(ProductService, {
      addresses: config.productAddresses,
      tracer,
      interceptors: [hop, limit(createTokenBucket(clock, PRODUCT_CALLS)), detach(clock.nowMs, PRODUCT_CALL_LIMIT_MS)],
    });
    const products = createProducts({ ...loop, client: stack.use(client), log, token: config.productToken });
    const pool = createWorkerPool({ workers: config.lookUpWorkers, maxQueued: config.maxQueuedLookUps });

    const finishing = { ...loop, store, orders, watch: createCheckoutWatch(frame) };
    stack.use(startResumer(finishing, { intervalMs: config.resumeIntervalMs, maxCheckouts: MAX_RESUMED_CHECKOUTS }));
    stack.use(startKeyExpiry({ ...loop, store }));
    const checkouts = stack.use(createCheckouts({ ...finishing, newId: randomUUID }));
    return frame.serve([bindService(Cart, createCartRpc({ store, products, orders, pool, checkouts, clock }))]);
  });
}
