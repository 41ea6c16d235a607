import { AppError } from '@tally/platform/errors';
import { type BoundService, type ClientOf, bindService, openGrpcClient, startGrpcServer } from '@tally/platform/grpc';
import type { RunningService } from '@tally/platform/lifecycle';
import { createLog, createMetrics, openTracing } from '@tally/platform/telemetry';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { ProductService } from '@tally/proto/product';

import { start } from '../src/app.ts';
import type { Product } from '../src/carts/product.ts';
import type { CartConfig } from '../src/config.ts';
import { type FakeLoms, createFakeLoms } from '../src/testing/fake-loms.ts';
import { createCatalogue } from '../src/testing/fixtures.ts';

const TOKEN = 'testtoken';

/** Another service, which can go away and come back on its port. */
interface Neighbour extends AsyncDisposable {
  readonly address: string;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

async function openNeighbour(name: string, service: BoundService): Promise<Neighbour> {
  const quiet = { log: createLog(name, 'silent'), tracer: openTracing(name).tracer };
  const listen = (port: number) =>
    startGrpcServer({
      ...quiet,
      metrics: createMetrics(name),
      name,
      host: '127.0.0.1',
      port,
      services: [service],
      drainMs: 0,
    });
  let server = await listen(0);
  let isAway = false;
  return {
    address: `127.0.0.1:${server.port}`,
    async goAway() {
      isAway = true;
      await server[Symbol.asyncDispose]();
    },
    async comeBack() {
      server = await listen(server.port);
      isAway = false;
    },
    async [Symbol.asyncDispose]() {
      if (!isAway) await server[Symbol.asyncDispose]();
    },
  };
}

export interface LomsNeighbour extends Neighbour {
  readonly fake: FakeLoms;
  /** Sets how far its clock is ahead. */
  setClock(aheadMs: number): void;
}

/** loms as cart sees it, over gRPC. */
export async function openFakeLoms(): Promise<LomsNeighbour> {
  let shiftMs = 0;
  const fake = createFakeLoms(() => Date.now() + shiftMs);
  const unused = async () => {
    throw new AppError('not-found', 'cart does not ask for this');
  };
  const service = bindService(Loms, {
    orderCreate: (request) => fake.orderCreate(request),
    stockInfo: (request) => fake.stockInfo(request),
    orderInfo: unused,
    orderPay: unused,
    orderCancel: unused,
  });
  return Object.assign(await openNeighbour('loms', service), {
    fake,
    setClock(aheadMs: number) {
      shiftMs = aheadMs;
    },
  });
}

export interface ProductNeighbour extends Neighbour {
  readonly catalogue: Map<number, Product>;
  /** Of the calls it got. */
  readonly tokens: string[];
}

export async function openFakeProducts(): Promise<ProductNeighbour> {
  const catalogue = createCatalogue();
  const tokens: string[] = [];
  const service = bindService(ProductService, {
    async getProduct({ sku, token }) {
      tokens.push(token);
      if (token !== TOKEN && token !== 'theirs') throw new AppError('unauthenticated', 'a wrong token');
      const product = catalogue.get(sku);
      if (product === undefined) throw new AppError('not-found', 'no such product');
      return { ...product };
    },
    async listSkus() {
      return { skus: [] };
    },
  });
  return Object.assign(await openNeighbour('product', service), { catalogue, tokens });
}

export interface TestCart extends AsyncDisposable {
  readonly running: RunningService;
  readonly address: string;
  readonly client: ClientOf<typeof Cart>;
}

export interface Neighbours {
  readonly databaseUrl: string;
  readonly loms: { readonly address: string };
  readonly products: { readonly address: string };
}

/** The real service on free ports, with a client. */
export async function openCart(around: Neighbours, more: Partial<CartConfig> = {}): Promise<TestCart> {
  const running = await start({
    name: 'cart',
    mode: 'development',
    host: '127.0.0.1',
    grpcPort: 0,
    adminPort: 0,
    databaseUrl: around.databaseUrl,
    databaseConnections: 6,
    namedStatements: true,
    logLevel: 'silent',
    otlpEndpoint: undefined,
    drainMs: 2000,
    lomsAddresses: [around.loms.address],
    productAddresses: [around.products.address],
    productToken: TOKEN,
    productCallsPerSecond: 10,
    productCallBurst: 1,
    instances: 1,
    limiterRedisUrl: undefined,
    cacheRedisUrls: [],
    lookUpWorkers: 16,
    maxQueuedLookUps: 10_000,
    resumeIntervalMs: 50,
    ...more,
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

/** A call's options with a deadline. */
export const within = (ms: number, headers: Record<string, string> = {}) => ({ deadlineMs: Date.now() + ms, headers });

export const withKey = (key: string, ms = 5000) => within(ms, { 'idempotency-key': key });
