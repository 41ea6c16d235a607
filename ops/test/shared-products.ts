import { start as startCart } from '@tally/cart';
import { readCartConfig } from '@tally/cart/config';
import { readConfig } from '@tally/platform/config';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { openTestDatabase, outcomeOf } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';

import { type RunningProduct, start as startProduct } from '../product/app.ts';
import { readProductConfig } from '../product/config.ts';

/** An instance of cart, with a client and its metrics. */
export interface Instance {
  readonly client: ClientOf<typeof Cart>;
  /** Returns the counters of the product cache, with keys like `process hit`. Counters that are 0 are absent. */
  counts(): Promise<Record<string, number>>;
}

interface InstanceOptions {
  /** URL of the Redis that holds the limit. Without it the limit is divided among the instances. */
  readonly limiter?: string;
  /** URLs of the shards of the product cache. None by default. */
  readonly cache?: readonly string[];
  /** Number of instances that divide the limit among them without Redis. 2 by default. */
  readonly instances?: number;
  /** Maximum rate of product calls over all instances. 10 by default. */
  readonly callsPerSecond?: number;
}

/** A database of carts, the stand-in of the product service, and any number of instances of cart. */
export interface SharedProducts extends AsyncDisposable {
  readonly product: RunningProduct;
  openInstance(options: InstanceOptions): Promise<Instance>;
  /** Returns how many calls have reached the stand-in since it started. */
  calls(): number;
  /** Fills the carts of the users from 1 to `users` with `linesEach` lines each. No two carts hold the same sku. */
  fill(users: number, linesEach: number): Promise<void>;
}

const { tracer } = openTracing('test');

export async function openSharedProducts(maxCallsPerSecond: number): Promise<SharedProducts> {
  const stack = new AsyncDisposableStack();
  const { url } = stack.use(await openTestDatabase('cart'));
  const db = stack.use(openDb({ url, applicationName: 'test', maxConnections: 2 }));
  const env = {
    PRODUCT_GRPC_PORT: '0',
    PRODUCT_HTTP_PORT: '0',
    PRODUCT_TOKEN: 'testtoken',
    PRODUCT_GENERATED: '10000',
    PRODUCT_MAX_CALLS_PER_SECOND: String(maxCallsPerSecond),
    LOG_LEVEL: 'silent',
  };
  const product = stack.use(await startProduct(readConfig(env, readProductConfig)));
  return {
    product,
    async openInstance({ limiter, cache = [], instances = 2, callsPerSecond = 10 }) {
      const cartEnv = {
        TALLY_MODE: 'development',
        CART_GRPC_PORT: '0',
        CART_ADMIN_PORT: '0',
        CART_DATABASE_URL: url,
        CART_RESUME_INTERVAL_MS: '60000',
        LOMS_ADDRESS: '127.0.0.1:1',
        PRODUCT_ADDRESS: `127.0.0.1:${product.grpcPort}`,
        PRODUCT_TOKEN: 'testtoken',
      };
      const running = stack.use(
        await startCart({
          ...readConfig(cartEnv, readCartConfig),
          databaseConnections: 6,
          logLevel: 'silent',
          drainMs: 500,
          productCallsPerSecond: callsPerSecond,
          instances,
          limiterRedisUrl: limiter,
          cacheRedisUrls: cache,
        }),
      );
      const client = stack.use(openGrpcClient(Cart, { addresses: [`127.0.0.1:${running.grpcPort}`], tracer }));
      return { client, counts: () => readCounts(running.adminPort) };
    },
    calls: () => product.seconds().reduce((sum, { calls }) => sum + calls, 0),
    async fill(users, linesEach) {
      await db.query('insert into carts (user_id) select generate_series(1, $1::int)', [users]);
      await db.query(
        `insert into cart_items (user_id, sku, count, name, price)
         select u, (u - 1) * $2::int + n, 1, 'Product ' || ((u - 1) * $2::int + n), 1
           from generate_series(1, $1::int) u, generate_series(1, $2::int) n`,
        [users, linesEach],
      );
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function readCounts(adminPort: number): Promise<Record<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const lines = text.matchAll(/^cart_product_cache_total\{layer="(\w+)",outcome="(\w+)".*\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, layer, outcome, count]) => [`${layer} ${outcome}`, Number(count)]));
}

/** Lists the cart of a user. Resolves with the outcome as text: `OK`, or the code and the reason of the refusal. */
export function listAt(
  { client }: Instance,
  user: number,
  { forMs = 10_000, token }: { readonly forMs?: number; readonly token?: string } = {},
): Promise<string> {
  const headers: Record<string, string> = token === undefined ? {} : { 'x-product-token': token };
  return outcomeOf(client.list({ user: BigInt(user) }, { deadlineMs: Date.now() + forMs, headers }));
}

/** Starts callers that list carts one after another. Stopping them resolves with the number of calls by outcome. */
export function startLoad(
  callers: number,
  list: (caller: number, round: number) => Promise<string>,
): { stop: () => Promise<Record<string, number>> } {
  const outcomes: Record<string, number> = {};
  let isRunning = true;
  const run = async (caller: number) => {
    for (let round = 0; isRunning; round += 1) {
      const outcome = await list(caller, round);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  const running = Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  return {
    async stop() {
      isRunning = false;
      await running;
      return outcomes;
    },
  };
}
