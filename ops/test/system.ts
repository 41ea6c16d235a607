import { start as startCart } from '@tally/cart';
import { start as startLoms } from '@tally/loms';
import { start as startNotifier } from '@tally/notifier';
import { readConfig } from '@tally/platform/config';
import type { EventLogConfig } from '@tally/platform/events';
import { openGrpcClient } from '@tally/platform/grpc';
import type { RunningService } from '@tally/platform/lifecycle';
import { type Db, openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { openTestDatabase, range, waitUntil } from '@tally/platform/testing';
import { Cart } from '@tally/proto/cart';
import { Loms } from '@tally/proto/loms';
import { Notifier } from '@tally/proto/notifier';
import { DATABASE_NAMES, type DatabaseName, KAFKA_SCHEME } from '@tally/sql/databases';

import { type RunningProduct, start as startProduct } from '../product/app.ts';
import { readProductConfig } from '../product/config.ts';
import { applyStock } from '../stock/apply-stock.ts';
import { verify } from '../verify/verify.ts';

/** The whole system in one process, on databases of its own, with any number of instances of each service. */
export interface TestSystem extends AsyncDisposable {
  readonly urls: Readonly<Record<DatabaseName, string>>;
  readonly db: Readonly<Record<DatabaseName, Db>>;
  readonly product: RunningProduct;
  readonly cart: ReturnType<typeof openCart>;
  readonly loms: ReturnType<typeof openLoms>;
  readonly notifier: ReturnType<typeof openNotifier>;
  /** Stops every instance of loms. Nothing listens on their addresses until `startLoms`. */
  stopLoms(): Promise<void>;
  startLoms(): Promise<void>;
  stock(sku: number, total: number): Promise<void>;
  /** Waits until every event is notified, then throws unless verify finds that everything holds. */
  settle(): Promise<void>;
}

export interface SystemOptions {
  readonly cartInstances?: number;
  readonly lomsInstances?: number;
  readonly notifierInstances?: number;
  /** Number of generated products. Their skus start at 1. */
  readonly products?: number;
  readonly maxProductCallsPerSecond?: number;
  /** Addresses of Kafka's brokers as `host:port`. If given, Kafka is the event log. */
  readonly kafkaBrokers?: readonly string[];
}

const { tracer } = openTracing('test');
const openCart = (addresses: string[]) => openGrpcClient(Cart, { addresses, tracer });
const openLoms = (addresses: string[]) => openGrpcClient(Loms, { addresses, tracer });
const openNotifier = (addresses: string[]) => openGrpcClient(Notifier, { addresses, tracer });
const addressOf = (port: number) => `127.0.0.1:${port}`;

const COMMON = {
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

/** Starts the system. Without options: one cart, one loms, two notifiers, and the event log on PostgreSQL. */
export async function openSystem(options: SystemOptions = {}): Promise<TestSystem> {
  const { cartInstances = 1, lomsInstances = 1, notifierInstances = 2, kafkaBrokers } = options;
  await using stack = new AsyncDisposableStack();
  const { databases, db } = await openDatabases(stack);
  const urls = { ...databases, ...(kafkaBrokers && { log: `${KAFKA_SCHEME}${kafkaBrokers.join(',')}` }) };
  const product = stack.use(await startStandIn(options));
  const nextLog = createLogConfigs(databases.log, kafkaBrokers);

  const loms = await startLomsInstances(stack, lomsInstances, (grpcPort) =>
    startLoms(toLomsConfig(grpcPort, databases.loms, nextLog())),
  );
  const startMany = async (instances: number, startOne: () => Promise<RunningService>) => {
    const running = await Promise.all(range(instances).map(async () => stack.use(await startOne())));
    return running.map(({ grpcPort }) => addressOf(grpcPort));
  };
  const notifierAddresses = await startMany(notifierInstances, () =>
    startNotifier({
      ...COMMON,
      name: 'notifier',
      databaseUrl: databases.notifier,
      ...nextLog(),
      maxBatchEvents: 200,
    }),
  );
  const cartAddresses = await startMany(cartInstances, () =>
    startCart(toCartConfig(databases.cart, loms.addresses, addressOf(product.grpcPort))),
  );
  const clients = {
    cart: stack.use(openCart(cartAddresses)),
    loms: stack.use(openLoms(loms.addresses)),
    notifier: stack.use(openNotifier(notifierAddresses)),
  };
  const owned = stack.move();
  return {
    urls,
    db,
    product,
    ...clients,
    stopLoms: loms.stop,
    startLoms: loms.start,
    async stock(sku, total) {
      await applyStock({ databaseUrl: urls.loms, entries: [{ sku, total: BigInt(total), held: 0n }] });
    },
    async settle() {
      await waitUntil(() => isEverythingNotified(db), { what: 'every event is notified', timeoutMs: 20_000 });
      const report = await verify({ urls, full: true });
      const broken = report.invariants.filter(({ verdict }) => verdict === 'late' || verdict === 'violated');
      if (broken.length > 0) throw new Error(`verify: ${JSON.stringify(broken, null, 1)}`);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function openDatabases(stack: AsyncDisposableStack) {
  const opened = await Promise.all(
    DATABASE_NAMES.map(async (name) => {
      const { url } = stack.use(await openTestDatabase(name));
      return { name, url, db: stack.use(openDb({ url, applicationName: 'test', maxConnections: 4 })) };
    }),
  );
  return {
    databases: Object.fromEntries(opened.map(({ name, url }) => [name, url])) as TestSystem['urls'],
    db: Object.fromEntries(opened.map(({ name, db }) => [name, db])) as TestSystem['db'],
  };
}

function startStandIn({ products = 100, maxProductCallsPerSecond = 1000 }: SystemOptions): Promise<RunningProduct> {
  const env = {
    PRODUCT_GRPC_PORT: '0',
    PRODUCT_HTTP_PORT: '0',
    PRODUCT_TOKEN: 'testtoken',
    PRODUCT_GENERATED: String(products),
    PRODUCT_MAX_CALLS_PER_SECOND: String(maxProductCallsPerSecond),
    LOG_LEVEL: 'silent',
  };
  return startProduct(readConfig(env, readProductConfig));
}

/**
 * Returns a function that gives each instance its configuration of the event log. On Kafka every instance has a name.
 */
function createLogConfigs(logUrl: string, brokers: readonly string[] | undefined): () => EventLogConfig {
  let instances = 0;
  return () => {
    if (brokers === undefined) return { logUrl };
    instances += 1;
    return { kafka: { brokers, replicationFactor: 1, minInSyncReplicas: 1, instance: `instance-${instances}` } };
  };
}

/** Starts instances of loms that can be stopped and started again on the same ports. */
async function startLomsInstances(
  stack: AsyncDisposableStack,
  instances: number,
  startOne: (grpcPort: number) => Promise<RunningService>,
) {
  let running = await Promise.all(range(instances).map(() => startOne(0)));
  const ports = running.map(({ grpcPort }) => grpcPort);
  const stop = async () => {
    for (const each of running.splice(0)) await each[Symbol.asyncDispose]();
  };
  stack.defer(stop);
  return {
    addresses: ports.map(addressOf),
    stop,
    async start() {
      running = await Promise.all(ports.map(startOne));
    },
  };
}

function toLomsConfig(grpcPort: number, databaseUrl: string, log: EventLogConfig) {
  return {
    ...COMMON,
    name: 'loms',
    grpcPort,
    databaseUrl,
    ...log,
    maxQueuedCommands: 4096,
    maxBatchCommands: 64,
    maxBatchLines: 2000,
    paymentTimeoutMs: 600_000,
    expiryIntervalMs: 50,
    relayIntervalMs: 50,
  };
}

function toCartConfig(databaseUrl: string, lomsAddresses: readonly string[], productAddress: string) {
  return {
    ...COMMON,
    name: 'cart',
    databaseUrl,
    lomsAddresses,
    productAddresses: [productAddress],
    productToken: 'testtoken',
    productCallsPerSecond: 10,
    productCallBurst: 1,
    instances: 1,
    limiterRedisUrl: undefined,
    cacheRedisUrls: [],
    lookUpWorkers: 64,
    maxQueuedLookUps: 10_000,
    resumeIntervalMs: 50,
  };
}

async function isEverythingNotified({ loms, notifier }: TestSystem['db']): Promise<boolean> {
  const { rows: events } = await loms.query('select count(*)::int as n from order_events', []);
  const { rows: notified } = await notifier.query(
    `select count(*)::int as n from notifications where state = 'applied'`,
    [],
  );
  return events[0].n === notified[0].n;
}
