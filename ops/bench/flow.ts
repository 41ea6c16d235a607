import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';
import { fetchKafka, freePort, startEmbeddedKafka } from '@tally/platform/embedded';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { type Db, openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { Cart } from '@tally/proto/cart';

import { createBenchDatabase, startBenchPostgres } from './bench-postgres.ts';
import { cpuMsOf, machineCpuMs, ownCpuMs } from './cpu.ts';
import { describeMachine, measureFsyncUs, median } from './measure.ts';
import { CHECKOUT, startProgram } from './programs.ts';

const SHOPPERS = 64;
const ORDERS = 10_000;
// The events are new, awaiting payment and payed.
const EVENTS_AN_ORDER = 3;
const CALL_LIMIT_MS = 10_000;
const DRAIN_LIMIT_MS = 120_000;
const POLL_MS = 20;
const WARM_UP_MS = 3_000;
const SKU = 1;

/** The databases and the log that the parts of one round share. */
interface Flow {
  readonly urls: Readonly<Record<'cart' | 'loms' | 'notifier', string>>;
  readonly db: Readonly<Record<'loms' | 'notifier', Db>>;
  /** Variables that tell loms and notifier where the event log is. */
  readonly logEnv: Readonly<Record<string, string>>;
}

/**
 * Measures the throughput of the parts around the batch of loms, one after another: events a second through one relay,
 * events a second through one notifier, and checkouts a second through cart and loms together. During the last, the
 * relay of loms also publishes the events of the checkouts. Each part shares the processors of one machine with the
 * databases that it needs.
 */
export async function benchFlow({ seconds, rounds }: { seconds: number; rounds: number }): Promise<void> {
  await using stack = new AsyncDisposableStack();
  console.log(describeMachine());
  const { dir, server } = await startBenchPostgres(stack);
  const fsyncUs = measureFsyncUs(dir);
  const open = (url: string) => stack.use(openDb({ url, applicationName: 'bench', maxConnections: 2 }));
  const kafka = await startKafka(stack, dir);
  const logs = ['PostgreSQL', 'Kafka'] as const;
  const flows = new Map<string, Flow>();
  for (const log of logs) {
    const database = (name: string) => createBenchDatabase(server, `${name}_${log.toLowerCase()}`, name);
    const urls = { cart: await database('cart'), loms: await database('loms'), notifier: await database('notifier') };
    const logEnv = log === 'Kafka' ? kafka : { LOG_DATABASE_URL: await database('log') };
    flows.set(log, { urls, db: { loms: open(urls.loms), notifier: open(urls.notifier) }, logEnv });
  }
  const rates = new Map<string, number[]>();
  const cpuByPart = new Map<string, number[]>();
  const record = (what: string, perSecond: number) => rates.set(what, [...(rates.get(what) ?? []), perSecond]);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [log, flow] of flows) {
      const events = await addEvents(flow, round);
      record(`relay, ${log}`, await timeRelay(flow));
      record(`notifier, ${log}`, await timeNotifier(flow, events));
    }
    const { perSecond, cpuMs } = await timeCheckouts(flows.get('PostgreSQL') as Flow, seconds);
    record('checkouts, cart and loms', perSecond);
    for (const [part, ms] of Object.entries(cpuMs)) cpuByPart.set(part, [...(cpuByPart.get(part) ?? []), ms]);
    console.log(`round ${round} of ${rounds} is done`);
  }
  console.log(`\nfsync of 8 KiB: ${fsyncUs.toFixed(0)} us\n`);
  for (const [what, perSecond] of rates) {
    console.log(`${what.padEnd(26)} ${Math.round(median(perSecond)).toLocaleString('en').padStart(7)} a second`);
  }
  console.log('\nprocessor time of one checkout with its AddItem');
  for (const [part, ms] of cpuByPart) console.log(`${part.padEnd(26)} ${median(ms).toFixed(2).padStart(7)} ms`);
}

/** Starts one Kafka broker. Returns the variables that make it the event log. */
async function startKafka(stack: AsyncDisposableStack, benchDir: string): Promise<Record<string, string>> {
  const programs = await fetchKafka({
    pom: join(CHECKOUT, 'ops/local/kafka/pom.xml'),
    dir: join(CHECKOUT, '.local/kafka'),
  });
  const node = { id: 1, port: freePort(), controllerPort: freePort() };
  const dir = join(benchDir, 'brokers');
  const brokers = await startEmbeddedKafka({ dir, programs, nodes: [node] });
  stack.defer(async () => void (await Promise.all(brokers.map((broker) => broker.stop()))));
  return { KAFKA_BROKERS: `127.0.0.1:${node.port}`, KAFKA_REPLICATION_FACTOR: '1' };
}

/** Inserts unpublished events of orders that exist nowhere else. Returns how many all rounds so far have inserted. */
async function addEvents({ db }: Flow, round: number): Promise<number> {
  await db.loms.query(
    `insert into order_events (order_id, version, status, moment)
     select 1000000000 + n, version, status::order_status, now()
       from generate_series($1::integer, $2::integer) as n,
            (values (1, 'new'), (2, 'awaiting payment'), (3, 'payed')) as change (version, status)
      order by n, version`,
    [(round - 1) * ORDERS + 1, round * ORDERS],
  );
  return round * ORDERS * EVENTS_AN_ORDER;
}

/** Starts loms and returns how many events a second its relay publishes. */
async function timeRelay({ urls, db, logEnv }: Flow): Promise<number> {
  await using stack = new AsyncDisposableStack();
  await startLoms(stack, urls.loms, logEnv);
  const waiting = () => countOf(db.loms, 'select count(*)::integer as n from order_events where log_offset is null');
  return await rateOf(waiting);
}

/** Starts a notifier and returns how many events a second it reads, records and tells. */
async function timeNotifier({ urls, db, logEnv }: Flow, events: number): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const readyPort = freePort();
  const env = {
    ...logEnv,
    NOTIFIER_GRPC_PORT: String(freePort()),
    NOTIFIER_ADMIN_PORT: String(readyPort),
    NOTIFIER_DATABASE_URL: urls.notifier,
  };
  await startProgram(stack, { name: 'notifier', main: 'notifier/src/main.ts', env, readyPort });
  const countKept = 'select count(*)::integer as n from notifications where order_id > 1000000000';
  return await rateOf(async () => events - (await countOf(db.notifier, countKept)));
}

/**
 * Waits until no event is waiting. Returns the events a second, counted from the moment at which the first ones were
 * done.
 */
async function rateOf(countWaiting: () => Promise<number>): Promise<number> {
  const all = await countWaiting();
  const untilMs = performance.now() + DRAIN_LIMIT_MS;
  let first: { readonly waiting: number; readonly atMs: number } | undefined;
  for (;;) {
    const waiting = await countWaiting();
    const atMs = performance.now();
    if (first !== undefined && waiting === 0) return (first.waiting * 1000) / (atMs - first.atMs);
    if (first === undefined && waiting < all) first = { waiting, atMs };
    if (atMs > untilMs)
      throw new AppError('unavailable', `${waiting} events are still waiting after ${DRAIN_LIMIT_MS} ms`);
    await Bun.sleep(POLL_MS);
  }
}

async function countOf(db: Db, text: string): Promise<number> {
  const { rows } = await db.query(text, []);
  return Number(rows[0]?.n ?? 0);
}

interface CheckoutRate {
  /** Checkouts a second. */
  readonly perSecond: number;
  /** Processor time of one checkout in milliseconds, by part of the system. */
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** Measures shoppers who add one unit of one sku and check out, over and over. */
async function timeCheckouts({ urls, db, logEnv }: Flow, seconds: number): Promise<CheckoutRate> {
  await using stack = new AsyncDisposableStack();
  await db.loms.query(
    'insert into stocks (sku, total, held, reserved) values ($1, 1000000000, 0, 0) on conflict do nothing',
    [SKU],
  );
  const loms = await startLoms(stack, urls.loms, logEnv);
  const product = await startProduct(stack);
  const [grpcPort, readyPort] = [freePort(), freePort()];
  const env = {
    CART_GRPC_PORT: String(grpcPort),
    CART_ADMIN_PORT: String(readyPort),
    CART_DATABASE_URL: urls.cart,
    LOMS_ADDRESS: loms.address,
    PRODUCT_ADDRESS: product,
    PRODUCT_TOKEN: 'testtoken',
  };
  await startProgram(stack, { name: 'cart', main: 'cart/src/main.ts', env, readyPort });
  const client = stack.use(
    openGrpcClient(Cart, { addresses: [`127.0.0.1:${grpcPort}`], tracer: openTracing('bench').tracer }),
  );
  await shop(client, WARM_UP_MS);
  const cpu = async () =>
    [machineCpuMs(), await cpuMsOf(readyPort), await cpuMsOf(loms.readyPort), ownCpuMs()] as const;
  const before = await cpu();
  const startedMs = performance.now();
  const done = await shop(client, seconds * 1000);
  const perSecond = (done * 1000) / (performance.now() - startedMs);
  const [all, ...parts] = (await cpu()).map((ms, i) => (ms - (before[i] ?? 0)) / done) as [number, ...number[]];
  const [cart = 0, lomsMs = 0, bench = 0] = parts;
  const rest = all - cart - lomsMs - bench;
  return { perSecond, cpuMs: { cart, loms: lomsMs, 'this load': bench, 'PostgreSQL and the rest': rest } };
}

/** Shops for the given time. Returns the number of checkouts. */
async function shop(client: ClientOf<typeof Cart>, durationMs: number): Promise<number> {
  const item = { sku: SKU, count: 1n };
  const call = () => ({ deadlineMs: Date.now() + CALL_LIMIT_MS });
  const endMs = performance.now() + durationMs;
  let done = 0;
  const shopper = async (user: bigint) => {
    while (performance.now() < endMs) {
      await client.addItem({ user, item }, call());
      await client.checkout({ user }, call());
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: SHOPPERS }, (_, i) => shopper(BigInt(i + 1))));
  return done;
}

interface RunningLoms {
  readonly address: string;
  readonly readyPort: number;
}

async function startLoms(
  stack: AsyncDisposableStack,
  databaseUrl: string,
  logEnv: Flow['logEnv'],
): Promise<RunningLoms> {
  const [grpcPort, readyPort] = [freePort(), freePort()];
  const env = {
    ...logEnv,
    LOMS_GRPC_PORT: String(grpcPort),
    LOMS_ADMIN_PORT: String(readyPort),
    LOMS_DATABASE_URL: databaseUrl,
  };
  await startProgram(stack, { name: 'loms', main: 'loms/src/main.ts', env, readyPort });
  return { address: `127.0.0.1:${grpcPort}`, readyPort };
}

/** Starts the product stand-in. Returns its gRPC address. */
async function startProduct(stack: AsyncDisposableStack): Promise<string> {
  const [grpcPort, readyPort] = [freePort(), freePort()];
  const env = {
    PRODUCT_GRPC_PORT: String(grpcPort),
    PRODUCT_HTTP_PORT: String(readyPort),
    PRODUCT_TOKEN: 'testtoken',
    PRODUCT_GENERATED: '10',
  };
  await startProgram(stack, { name: 'the stand-in', main: 'ops/product/main.ts', env, readyPort });
  return `127.0.0.1:${grpcPort}`;
}
