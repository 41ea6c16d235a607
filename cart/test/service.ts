import { readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { type BoundService, type ClientOf, bindService, openGrpcClient, startGrpcServer } from '@tally/platform/grpc';
import type { RunningService } from '@tally/platform/lifecycle';
import { createLog, createMetrics, openTracing } from '@tally/platform/telemetry';
import { bindPartly, withTimeout } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { ProductService } from '@tally/proto/product';

import { start } from '../src/app.ts';
import type { Product } from '../src/carts/product.ts';
import { type CartConfig, readCartConfig } from '../src/config.ts';
import { type FakeLoms, createFakeLoms } from '../src/testing/fake-loms.ts';
import { createCatalogue } from '../src/testing/fixtures.ts';

/** The configured token of cart. The fake product service accepts it, and the token `theirs` too. */
export const PRODUCT_TOKEN = 'testtoken';

/** A fake of another service, over gRPC. It can stop, and start again on the same port. */
interface FakeServer extends AsyncDisposable {
  readonly address: string;
  stop(): Promise<void>;
  startAgain(): Promise<void>;
}

async function openFakeServer(name: string, service: BoundService): Promise<FakeServer> {
  const { tracer } = openTracing(name);
  const listen = (port: number) =>
    startGrpcServer({
      log: createLog(name, 'silent'),
      tracer,
      metrics: createMetrics(name),
      name,
      host: '127.0.0.1',
      port,
      services: [service],
      drainMs: 0,
    });
  let server = await listen(0);
  let isRunning = true;
  return {
    address: `127.0.0.1:${server.port}`,
    async stop() {
      isRunning = false;
      await server[Symbol.asyncDispose]();
    },
    async startAgain() {
      server = await listen(server.port);
      isRunning = true;
    },
    async [Symbol.asyncDispose]() {
      if (isRunning) await server[Symbol.asyncDispose]();
    },
  };
}

export interface FakeLomsServer extends FakeServer {
  readonly fake: FakeLoms;
  /** Sets how many milliseconds the clock of loms is ahead. */
  setClock(aheadMs: number): void;
}

export async function openFakeLoms(): Promise<FakeLomsServer> {
  let shiftMs = 0;
  const fake = createFakeLoms(() => Date.now() + shiftMs);
  const service = bindPartly(Loms, {
    orderCreate: (request) => fake.orderCreate(request),
    stockInfo: (request) => fake.stockInfo(request),
  });
  return Object.assign(await openFakeServer('loms', service), {
    fake,
    setClock(aheadMs: number) {
      shiftMs = aheadMs;
    },
  });
}

export interface FakeProductServer extends FakeServer {
  readonly catalogue: Map<number, Product>;
  /** The tokens of all calls, in the order of the calls. */
  readonly tokens: string[];
}

export async function openFakeProducts(): Promise<FakeProductServer> {
  const catalogue = createCatalogue();
  const tokens: string[] = [];
  const service = bindService(ProductService, {
    async getProduct({ sku, token }) {
      tokens.push(token);
      if (token !== PRODUCT_TOKEN && token !== 'theirs') throw new AppError('unauthenticated', 'a wrong token');
      const product = catalogue.get(sku);
      if (product === undefined) throw new AppError('not-found', 'no such product');
      return { ...product };
    },
    async listSkus() {
      return { skus: [] };
    },
  });
  return Object.assign(await openFakeServer('product', service), { catalogue, tokens });
}

/** What a cart is connected to. */
export interface Connections {
  readonly databaseUrl: string;
  readonly loms: { readonly address: string };
  readonly products: { readonly address: string };
}

/** Returns the environment of a cart with these connections. Port 0, the default, stands for any free port. */
export function environmentOf({ databaseUrl, loms, products }: Connections, grpcPort = 0): Record<string, string> {
  return {
    TALLY_MODE: 'development',
    CART_GRPC_PORT: String(grpcPort),
    CART_ADMIN_PORT: '0',
    CART_DATABASE_URL: databaseUrl,
    CART_RESUME_INTERVAL_MS: '50',
    LOMS_ADDRESS: loms.address,
    PRODUCT_ADDRESS: products.address,
    PRODUCT_TOKEN,
  };
}

export interface TestCart extends AsyncDisposable {
  readonly running: RunningService;
  readonly address: string;
  readonly client: ClientOf<typeof Cart>;
}

/** Starts the real service in this process, on free ports, and opens a client of it. */
export async function openCart(connections: Connections, overrides: Partial<CartConfig> = {}): Promise<TestCart> {
  const running = await start({
    ...readConfig(environmentOf(connections), readCartConfig),
    databaseConnections: 6,
    logLevel: 'silent',
    drainMs: 2000,
    ...overrides,
  });
  const address = `127.0.0.1:${running.grpcPort}`;
  const client = openGrpcClient(Cart, { addresses: [address], tracer: openTracing('test').tracer });
  return {
    running,
    address,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await running[Symbol.asyncDispose]();
    },
  };
}

/** Returns the options of a call with an idempotency key. */
export const withKey = (key: string, timeoutMs = 5000) => withTimeout(timeoutMs, { 'idempotency-key': key });
