import { start as startCart } from '@tally/cart';
import { readCartConfig } from '@tally/cart/config';
import { start as startLoms } from '@tally/loms';
import { readLomsConfig } from '@tally/loms/config';
import { start as startNotifier } from '@tally/notifier';
import { readNotifierConfig } from '@tally/notifier/config';
import { readConfig } from '@tally/platform/config';
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

type Environment = Readonly<Record<string, string>>;

/** Returns the variables that every service needs. Port 0, the default, stands for any free port. */
function environmentOf(service: 'CART' | 'LOMS' | 'NOTIFIER', databaseUrl: string, grpcPort = 0): Environment {
  return {
    TALLY_MODE: 'development',
    LOG_LEVEL: 'silent',
    DRAIN_LIMIT_MS: '1000',
    [`${service}_GRPC_PORT`]: String(grpcPort),
    [`${service}_ADMIN_PORT`]: '0',
    [`${service}_DATABASE_URL`]: databaseUrl,
    [`${service}_DATABASE_CONNECTIONS`]: '6',
  };
}

/** Starts the system. Without options: one cart, one loms, two notifiers, and the event log on PostgreSQL. */
export async function openSystem(options: SystemOptions = {}): Promise<TestSystem> {
  const { cartInstances = 1, lomsInstances = 1, notifierInstances = 2, kafkaBrokers } = options;
  await using stack = new AsyncDisposableStack();
  const { databases, db } = await openDatabases(stack);
  const urls = { ...databases, ...(kafkaBrokers && { log: `${KAFKA_SCHEME}${kafkaBrokers.join(',')}` }) };
  const product = stack.use(await startStandIn(options));
  const nextLog = createLogVariables(databases.log, kafkaBrokers);

  const loms = await startLomsInstances(stack, lomsInstances, (grpcPort) =>
    startLoms(readConfig(toLomsEnvironment(databases.loms, grpcPort, nextLog('LOMS')), readLomsConfig)),
  );
  const startMany = async (instances: number, startOne: () => Promise<RunningService>) => {
    const running = await Promise.all(range(instances).map(async () => stack.use(await startOne())));
    return running.map(({ grpcPort }) => addressOf(grpcPort));
  };
  const notifierAddresses = await startMany(notifierInstances, () =>
    startNotifier(
      readConfig({ ...environmentOf('NOTIFIER', databases.notifier), ...nextLog('NOTIFIER') }, readNotifierConfig),
    ),
  );
  const cartAddresses = await startMany(cartInstances, () =>
    startCart(readConfig(toCartEnvironment(databases.cart, loms.addresses, product), readCartConfig)),
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

/** Returns a function that gives each instance the variables of the event log. On Kafka every instance has a name. */
function createLogVariables(logUrl: string, brokers: readonly string[] | undefined) {
  let instances = 0;
  return (service: 'LOMS' | 'NOTIFIER'): Environment => {
    if (brokers === undefined) return { LOG_DATABASE_URL: logUrl };
    instances += 1;
    return {
      KAFKA_BROKERS: brokers.join(','),
      KAFKA_REPLICATION_FACTOR: '1',
      KAFKA_MIN_INSYNC_REPLICAS: '1',
      [`${service}_INSTANCE`]: `instance-${instances}`,
    };
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

function toLomsEnvironment(databaseUrl: string, grpcPort: number, log: Environment): Environment {
  return {
    ...environmentOf('LOMS', databaseUrl, grpcPort),
    ...log,
    LOMS_EXPIRY_INTERVAL_MS: '50',
    LOMS_RELAY_INTERVAL_MS: '50',
  };
}

function toCartEnvironment(
  databaseUrl: string,
  lomsAddresses: readonly string[],
  product: RunningProduct,
): Environment {
  return {
    ...environmentOf('CART', databaseUrl),
    LOMS_ADDRESS: lomsAddresses.join(','),
    PRODUCT_ADDRESS: addressOf(product.grpcPort),
    PRODUCT_TOKEN: 'testtoken',
    CART_RESUME_INTERVAL_MS: '50',
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
