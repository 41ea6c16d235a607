import { start as startCart } from '@tally/cart';
import { readConfig } from '@tally/platform/config';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { openTestDatabase, outcomeOf } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';

import { type RunningProduct, start as startProduct } from '../product/app.ts';
import { readProductConfig } from '../product/config.ts';

/** An instance of cart, as a client and as its metrics show it. */
export interface Instance {
  readonly client: ClientOf<typeof Cart>;
  /** Of the product cache: `process hit`, `redis miss`, and so on. */
  counts(): Promise<Record<string, number>>;
}

export interface InstanceOptions {
  readonly limiter?: string;
  readonly cache?: readonly string[];
  readonly instances?: number;
  readonly callsPerSecond?: number;
}

/** Carts full of made-up products, the real stand-in, and as many instances of cart as a test wants. */
export interface SharedProducts extends AsyncDisposable {
  readonly product: RunningProduct;
  openInstance(options: InstanceOptions): Promise<Instance>;
  /** So many calls reached the stand-in since it started. */
  calls(): number;
  /** Carts of the users from 1 on, with so many lines each; no two hold the same sku. */
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
      const running = stack.use(
        await startCart({
          name: 'cart',
          mode: 'development',
          host: '127.0.0.1',
          grpcPort: 0,
          adminPort: 0,
          databaseUrl: url,
          databaseConnections: 6,
          namedStatements: true,
          logLevel: 'silent',
          otlpEndpoint: undefined,
          drainMs: 500,
          lomsAddresses: ['127.0.0.1:1'],
          productAddresses: [`127.0.0.1:${product.grpcPort}`],
          productToken: 'testtoken',
          productCallsPerSecond: callsPerSecond,
          productCallBurst: 1,
          instances,
          limiterRedisUrl: limiter,
          cacheRedisUrls: cache,
          lookUpWorkers: 64,
          maxQueuedLookUps: 10_000,
          resumeIntervalMs: 60_000,
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

/** What a List of this user's cart ends with. */
export function listAt(
  { client }: Instance,
  user: number,
  { forMs = 10_000, token }: { readonly forMs?: number; readonly token?: string } = {},
): Promise<string> {
  const headers: Record<string, string> = token === undefined ? {} : { 'x-product-token': token };
  return outcomeOf(client.list({ user: BigInt(user) }, { deadlineMs: Date.now() + forMs, headers }));
}

/** Callers that list carts one after another until they are stopped. Returns what their calls ended with, and how often. */
export function startLoad(
  callers: number,
  list: (caller: number, round: number) => Promise<string>,
): { stop: () => Promise<Record<string, number>> } {
  const outcomes: Record<string, number> = {};
  let isOn = true;
  const run = async (caller: number) => {
    for (let round = 0; isOn; round += 1) {
      const outcome = await list(caller, round);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  const running = Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  return {
    async stop() {
      isOn = false;
      await running;
      return outcomes;
    },
  };
}
