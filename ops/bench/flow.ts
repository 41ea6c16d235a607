import { cpus } from 'node:os';
import { join, resolve } from 'node:path';

import { AppError } from '@tally/platform/errors';
import { fetchKafka, startEmbeddedKafka } from '@tally/platform/events';
import { type ClientOf, openGrpcClient } from '@tally/platform/grpc';
import { type Db, openDb } from '@tally/platform/postgres';
import { openTracing } from '@tally/platform/telemetry';
import { freePort } from '@tally/platform/programs';
import { Cart } from '@tally/proto/cart';

import { createBenchDatabase, startBenchPostgres } from './bench-postgres.ts';
import { describeMachine, measureFsyncUs, median } from './measure.ts';
import { startProgram } from './programs.ts';

const ROOT = resolve(import.meta.dir, '../..');
const SHOPPERS = 64;
const ORDERS = 10_000;
// New, awaiting payment, payed.
const EVENTS_AN_ORDER = 3;
const CALL_LIMIT_MS = 10_000;
const DRAIN_LIMIT_MS = 120_000;
const POLL_MS = 20;
const WARM_UP_MS = 3_000;
const SKU = 1;

/** Where the parts of one round meet. */
interface Flow {
  readonly urls: Readonly<Record<'cart' | 'loms' | 'notifier', string>>;
  readonly db: Readonly<Record<'loms' | 'notifier', Db>>;
  /** Of the event log, for loms and notifier. */
  readonly logEnv: Readonly<Record<string, string>>;
}

/**
 * What each part around the batch carries, with the rest of it at rest: checkouts a second through cart and loms together,
 * events a second through one relay, and through one notifier. On one machine with PostgreSQL, so each shares the processors
 * with the databases it needs.
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
  const found = new Map<string, number[]>();
  const spent = new Map<string, number[]>();
  const note = (what: string, perSecond: number) => found.set(what, [...(found.get(what) ?? []), perSecond]);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [log, flow] of flows) {
      const events = await addEvents(flow, round);
      note(`relay, ${log}`, await timeRelay(flow));
      note(`notifier, ${log}`, await timeNotifier(flow, events));
    }
    const { perSecond, cpuMs } = await timeCheckouts(flows.get('PostgreSQL') as Flow, seconds);
    note('checkouts, cart and loms', perSecond);
    for (const [part, ms] of Object.entries(cpuMs)) spent.set(part, [...(spent.get(part) ?? []), ms]);
    console.log(`round ${round} of ${rounds} is through`);
  }
  console.log(`\nfsync of 8 KiB: ${fsyncUs.toFixed(0)} us\n`);
  for (const [what, perSecond] of found) {
    console.log(`${what.padEnd(26)} ${Math.round(median(perSecond)).toLocaleString('en').padStart(7)} a second`);
  }
  console.log('\nprocessor time of a checkout, with its AddItem');
  for (const [part, ms] of spent) console.log(`${part.padEnd(26)} ${median(ms).toFixed(2).padStart(7)} ms`);
}

/** One broker. Returns the settings that make it the log. */
async function startKafka(stack: AsyncDisposableStack, benchDir: string): Promise<Record<string, string>> {
  const programs = await fetchKafka({ pom: join(ROOT, 'ops/local/kafka/pom.xml'), dir: join(ROOT, '.local/kafka') });
  const node = { id: 1, port: freePort(), controllerPort: freePort() };
  const dir = join(benchDir, 'brokers');
  const brokers = await startEmbeddedKafka({ dir, programs, nodes: [node], lifetime: 'parent' });
  stack.defer(async () => void (await Promise.all(brokers.map((broker) => broker.stop()))));
  return { KAFKA_BROKERS: `127.0.0.1:${node.port}`, KAFKA_REPLICATION_FACTOR: '1' };
}

/** Events that wait for the relay, of orders that exist nowhere else. Returns how many there are now in all. */
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

/** Events a second that a fresh loms brings to the log. */
async function timeRelay({ urls, db, logEnv }: Flow): Promise<number> {
  await using stack = new AsyncDisposableStack();
  await startLoms(stack, urls.loms, logEnv);
  const waiting = () => countOf(db.loms, 'select count(*)::integer as n from order_events where log_offset is null');
  return await rateOf(waiting);
}

/** Events a second that a fresh notifier takes from the log and tells. */
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

/** The rate at which what waits becomes nothing, from the first time that it was seen to become less. */
async function rateOf(countWaiting: () => Promise<number>): Promise<number> {
  const all = await countWaiting();
  const untilMs = performance.now() + DRAIN_LIMIT_MS;
  let first: { readonly waiting: number; readonly atMs: number } | undefined;
  for (;;) {
    const waiting = await countWaiting();
    const atMs = performance.now();
    if (first !== undefined && waiting === 0) return (first.waiting * 1000) / (atMs - first.atMs);
    if (first === undefined && waiting < all) first = { waiting, atMs };
    if (atMs > untilMs) throw new AppError('unavailable', `${waiting} events still wait after ${DRAIN_LIMIT_MS} ms`);
    await Bun.sleep(POLL_MS);
  }
}

async function countOf(db: Db, text: string): Promise<number> {
  const { rows } = await db.query(text, []);
  return Number(rows[0]?.n ?? 0);
}

interface Shopped {
  /** Checkouts. */
  readonly perSecond: number;
  /** Of one checkout, by part. */
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** Shoppers each add one unit of one sku and check out, again and again. */
async function timeCheckouts({ urls, db, logEnv }: Flow, seconds: number): Promise<Shopped> {
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

/** Returns how many checkouts were made. */
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

/** What a service says that it has used since it started. */
async function cpuMsOf(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(/^process_cpu_seconds_total\S* (\S+)$/m.exec(text)?.[1]) * 1000;
}

/** Of all processors since the machine started. */
const machineCpuMs = () => cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
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

/** Returns its address. */
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
