import { start as startCart } from '@tally/cart';
import { start as startLoms } from '@tally/loms';
import { start as startNotifier } from '@tally/notifier';
import { readConfig } from '@tally/platform/config';
import type { EventLogConfig } from '@tally/platform/events';
import { openGrpcClient } from '@tally/platform/grpc';
import type { RunningService } from '@tally/platform/lifecycle';
import { type Db, openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { openTestDatabase, waitUntil } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { Notifier } from '@tally/proto/notifier';

import { type RunningProduct, start as startProduct } from '../product/app.ts';
import { readProductConfig } from '../product/config.ts';
import { applyStock } from '../stock/apply-stock.ts';
import { KAFKA_SCHEME } from '../verify/kafka-log.ts';
import { verify } from '../verify/verify.ts';

/** The whole system in one process, on databases of its own: what `just up` runs, with instances to choose. */
export interface TestSystem extends AsyncDisposable {
  readonly urls: Readonly<Record<'cart' | 'loms' | 'notifier' | 'log', string>>;
  readonly db: Readonly<Record<'cart' | 'loms' | 'notifier' | 'log', Db>>;
  readonly product: RunningProduct;
  readonly cart: ReturnType<typeof openCart>;
  readonly loms: ReturnType<typeof openLoms>;
  readonly notifier: ReturnType<typeof openNotifier>;
  /** Ends the instances of loms; their address stays dead until `startLoms`. */
  stopLoms(): Promise<void>;
  startLoms(): Promise<void>;
  stock(sku: number, total: number): Promise<void>;
  /** Waits until everything that happened was told, and demands that everything adds up. */
  settle(): Promise<void>;
}

export interface SystemOptions {
  readonly cartInstances?: number;
  readonly lomsInstances?: number;
  readonly notifierInstances?: number;
  /** Made-up products, with the skus from 1 on. */
  readonly products?: number;
  readonly maxProductCallsPerSecond?: number;
  /** `host:port` of Kafka's brokers: then Kafka is the log. */
  readonly kafkaBrokers?: readonly string[];
}

const { tracer } = openTracing('test');
const openCart = (addresses: string[]) => openGrpcClient(Cart, { addresses, tracer });
const openLoms = (addresses: string[]) => openGrpcClient(Loms, { addresses, tracer });
const openNotifier = (addresses: string[]) => openGrpcClient(Notifier, { addresses, tracer });
const addressOf = (port: number) => `127.0.0.1:${port}`;
const DATABASES = ['cart', 'loms', 'notifier', 'log'] as const;

export async function openSystem(options: SystemOptions = {}): Promise<TestSystem> {
  const { cartInstances = 1, lomsInstances = 1, notifierInstances = 2 } = options;
  const { products = 100, maxProductCallsPerSecond = 1000, kafkaBrokers } = options;
  await using stack = new AsyncDisposableStack();
  const opened = await Promise.all(
    DATABASES.map(async (name) => {
      const { url } = stack.use(await openTestDatabase(name));
      return { name, url, db: stack.use(openDb({ url, applicationName: 'test', maxConnections: 4 })) };
    }),
  );
  const databases = Object.fromEntries(opened.map(({ name, url }) => [name, url])) as TestSystem['urls'];
  const urls =
    kafkaBrokers === undefined ? databases : { ...databases, log: `${KAFKA_SCHEME}${kafkaBrokers.join(',')}` };
  let instances = 0;
  const logOf = (): EventLogConfig => {
    if (kafkaBrokers === undefined) return { logUrl: databases.log };
    instances += 1;
    const instance = `instance-${instances}`;
    return { kafka: { brokers: kafkaBrokers, replicationFactor: 1, minInSyncReplicas: 1, instance } };
  };
  const db = Object.fromEntries(opened.map(({ name, db: one }) => [name, one])) as TestSystem['db'];
  const product = stack.use(
    await startProduct(
      readConfig(
        {
          PRODUCT_GRPC_PORT: '0',
          PRODUCT_HTTP_PORT: '0',
          PRODUCT_TOKEN: 'testtoken',
          PRODUCT_GENERATED: String(products),
          PRODUCT_MAX_CALLS_PER_SECOND: String(maxProductCallsPerSecond),
          LOG_LEVEL: 'silent',
        },
        readProductConfig,
      ),
    ),
  );
  const common = {
    mode: 'development',
    host: '127.0.0.1',
    grpcPort: 0,
    adminPort: 0,
    databaseConnections: 6,
    namedStatements: true,
    logLevel: 'silent',
    otlpEndpoint: undefined,
    drainMs: 1000,
  } as const;
  const startOneLoms = (grpcPort: number) =>
    startLoms({
      ...common,
      name: 'loms',
      grpcPort,
      databaseUrl: urls.loms,
      ...logOf(),
      maxQueuedCommands: 4096,
      maxBatchCommands: 64,
      maxBatchLines: 2000,
      paymentTimeoutSeconds: 600,
      expiryIntervalMs: 50,
      relayIntervalMs: 50,
    });
  let lomsRunning = await Promise.all(Array.from({ length: lomsInstances }, () => startOneLoms(0)));
  const lomsPorts = lomsRunning.map(({ grpcPort }) => grpcPort);
  const stopLoms = async () => {
    for (const running of lomsRunning.splice(0)) await running[Symbol.asyncDispose]();
  };
  stack.defer(stopLoms);
  const lomsAddresses = lomsPorts.map(addressOf);
  const startOneNotifier = () =>
    startNotifier({
      ...common,
      name: 'notifier',
      databaseUrl: urls.notifier,
      ...logOf(),
      maxBatchEvents: 200,
    });
  const startOneCart = () =>
    startCart({
      ...common,
      name: 'cart',
      databaseUrl: urls.cart,
      lomsAddresses,
      productAddresses: [addressOf(product.grpcPort)],
      productToken: 'testtoken',
      productCallsPerSecond: 10,
      productCallBurst: 1,
      instances: 1,
      limiterRedisUrl: undefined,
      cacheRedisUrls: [],
      lookUpWorkers: 64,
      maxQueuedLookUps: 10_000,
      resumeIntervalMs: 50,
    });
  const startMany = async (instances: number, startOne: () => Promise<RunningService>) => {
    const running = await Promise.all(Array.from({ length: instances }, async () => stack.use(await startOne())));
    return running.map(({ grpcPort }) => addressOf(grpcPort));
  };
  const notifierAddresses = await startMany(notifierInstances, startOneNotifier);
  const cartAddresses = await startMany(cartInstances, startOneCart);
  const clients = {
    cart: stack.use(openCart(cartAddresses)),
    loms: stack.use(openLoms(lomsAddresses)),
    notifier: stack.use(openNotifier(notifierAddresses)),
  };
  const owned = stack.move();
  return {
    urls,
    db,
    product,
    ...clients,
    stopLoms,
    async startLoms() {
      lomsRunning = await Promise.all(lomsPorts.map(startOneLoms));
    },
    async stock(sku, total) {
      await applyStock({ databaseUrl: urls.loms, entries: [{ sku, total: BigInt(total), held: 0n }] });
    },
    async settle() {
      await waitUntil(
        async () => {
          const { rows } = await db.loms.query('select count(*)::int as n from order_events', []);
          const { rows: told } = await db.notifier.query(
            `select count(*)::int as n from notifications where state = 'applied'`,
            [],
          );
          return rows[0].n === told[0].n;
        },
        { what: 'everything is told', timeoutMs: 20_000 },
      );
      const report = await verify({ urls, full: true });
      const broken = report.invariants.filter(({ verdict }) => verdict === 'late' || verdict === 'violated');
      if (broken.length > 0) throw new Error(`verify: ${JSON.stringify(broken, null, 1)}`);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
