import { afterAll, beforeAll, expect, test } from 'bun:test';

import { asAdmin, openDb } from '@tally/platform/postgres';
import {
  type TestDatabase,
  failureOfCall,
  openProxy,
  openTestDatabase,
  openTestServer,
  outcomeOf,
  waitUntil,
  withPort,
  withTimeout,
} from '@tally/platform/testing';
import pg from 'pg';

import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { type TestLoms, openLoms } from './service.ts';

let database: LomsDatabase;
let log: TestDatabase;

beforeAll(async () => {
  [database, log] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
  for (let sku = 1; sku <= 5; sku += 1) await database.stock(sku, 10_000);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
});

const create = ({ client }: TestLoms, sku: number, deadlineMs = 15_000) =>
  client.orderCreate({ user: 9n, items: [{ sku, count: 1n }] }, withTimeout(deadlineMs));
const open = (url = database.url) => openLoms({ databaseUrl: url, logUrl: log.url });

test('when the connection is cut after COMMIT, every request makes one order, and every answer is true', async () => {
  await using proxy = await openProxy(Number(new URL(database.url).port));
  await using loms = await open(withPort(database.url, proxy.port));
  await create(loms, 1);
  proxy.cutAfter('commit', 8);
  const answers = [];
  for (let round = 0; round < 12; round += 1) {
    answers.push(...(await Promise.all(Array.from({ length: 10 }, () => create(loms, 1)))));
  }
  expect(proxy.cuts).toBe(8);
  const ids = answers.map(({ orderId }) => orderId);
  expect(new Set(ids).size).toBe(120);
  const { rows } = await database.db.query(
    `select count(*)::int as n, count(*) filter (where id = any($1))::int as answered
    from orders o where exists (select from order_lines where order_id = o.id and sku = 1)`,
    [ids],
  );
  expect(rows).toEqual([{ n: 121, answered: 120 }]);
  expect(await database.disagreements()).toEqual([]);
}, 60_000);

test('when PostgreSQL is killed during a commit, every request makes one order, and every answer is true', async () => {
  await using server = await openTestServer();
  const url = await server.database('loms');
  await asAdmin(url, (client) =>
    client.query(`
    insert into stock_movements (sku, kind, total_delta, reserved_delta, held_delta, moment)
    values (1, 'receipt', 10000, 0, 0, now()); insert into stocks values (1, 10000, 0, 0)`),
  );
  await using proxy = await openProxy(Number(new URL(url).port));
  await using loms = await open(withPort(url, proxy.port));
  const answered: bigint[] = [];
  for (let round = 0; round < 4; round += 1) {
    let killed: Promise<void> | undefined;
    proxy.onCut = () => {
      killed = server.kill();
    };
    proxy.cutAfter('commit', 1);
    const calls = Promise.all(Array.from({ length: 20 }, () => create(loms, 1, 20_000)));
    await waitUntil(() => killed !== undefined, { what: 'the server is killed' });
    await killed;
    await server.start();
    answered.push(...(await calls).map(({ orderId }) => orderId));
  }
  await using db = openDb({ url, applicationName: 'test', maxConnections: 1 });
  const { rows } = await db.query(
    'select count(*)::int as n, count(*) filter (where id = any($1))::int as answered from orders',
    [answered],
  );
  expect(rows).toEqual([{ n: 80, answered: 80 }]);
  const { rows: stocks } = await db.query('select reserved from stocks', []);
  expect(stocks).toEqual([{ reserved: 80n }]);
}, 90_000);

/** Resolves with the milliseconds that a create of this sku takes while `lock` holds the lock on its stock. */
async function delayBy(loms: TestLoms, sku: number, lock: (client: pg.Client) => Promise<unknown>): Promise<number> {
  const holder = new pg.Client({ connectionString: database.url });
  holder.on('error', () => {});
  await holder.connect();
  await lock(holder);
  const startedMs = performance.now();
  expect(await outcomeOf(create(loms, sku))).toBe('OK');
  const delayMs = performance.now() - startedMs;
  holder.end().catch(() => {});
  return delayMs;
}

test('a lock holder that pauses between two statements delays others by little more than a second', async () => {
  await using loms = await open();
  const delayMs = await delayBy(loms, 2, async (client) => {
    await client.query('begin');
    await client.query('select * from stocks where sku = 2 for no key update');
  });
  // PostgreSQL ends the idle transaction after 1 s. The bound allows for the next timeout, the one of the lock.
  expect(delayMs).toBeGreaterThan(500);
  expect(delayMs).toBeLessThan(2500);
}, 30_000);

test('a lock holder that stalls inside a flush delays others by little more than the transaction timeout', async () => {
  await using loms = await open();
  const delayMs = await delayBy(loms, 3, async (client) => {
    await client.query('begin');
    // Without a sync message, the server runs the statement and then waits for the rest of the flush.
    const { connection } = client as unknown as { connection: { [method: string]: (options?: object) => void } };
    connection['parse']?.({ text: 'select * from stocks where sku = 3 for no key update' });
    connection['bind']?.({});
    connection['execute']?.({});
    connection['flush']?.();
    await waitUntil(
      async () => {
        const { rows } = await database.db.query(`select from stocks where sku = 3 for no key update skip locked`, []);
        return rows.length === 0;
      },
      { what: 'the holder has the lock' },
    );
  });
  expect(delayMs).toBeGreaterThan(2000);
  expect(delayMs).toBeLessThan(7000);
}, 30_000);

test('while PostgreSQL is away, calls fail as UNAVAILABLE or at their deadline, and later they succeed', async () => {
  await using server = await openTestServer();
  const url = await server.database('loms');
  await using loms = await open(url);
  const codeOf = async (call: Promise<unknown>) => (await failureOfCall(call))?.code;
  await server.stop();
  const codes = await Promise.all([
    codeOf(create(loms, 1, 1000)),
    codeOf(loms.client.orderInfo({ orderId: 1n }, withTimeout(1000))),
    codeOf(loms.client.stockInfo({ sku: 1 }, withTimeout(1000))),
  ]);
  const DEADLINE_EXCEEDED = 4;
  const UNAVAILABLE = 14;
  for (const code of codes) expect([DEADLINE_EXCEEDED, UNAVAILABLE]).toContain(code as number);
  await server.start();
  await waitUntil(
    async () => (await outcomeOf(loms.client.stockInfo({ sku: 1 }, withTimeout(1000)))) === 'NOT_FOUND UNKNOWN_SKU',
    {
      what: 'reads succeed again',
    },
  );
  expect(await outcomeOf(create(loms, 1))).toBe('FAILED_PRECONDITION INSUFFICIENT_STOCK');
}, 60_000);

test('a stop lets calls in flight end, refuses new ones, and ends within the drain limit', async () => {
  const loms = await open();
  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  await blocker.query('begin');
  await blocker.query('select * from stocks where sku = 4 for no key update');
  const inFlight = outcomeOf(create(loms, 4));
  await Bun.sleep(100);
  const stopped = loms.running[Symbol.asyncDispose]();
  await Bun.sleep(50);
  const late = await outcomeOf(create(loms, 5, 500));
  await blocker.query('rollback');
  await blocker.end();
  expect(await inFlight).toBe('OK');
  expect(late).toStartWith('UNAVAILABLE');
  await stopped;
  await loms[Symbol.asyncDispose]();
  expect(await database.disagreements()).toEqual([]);
}, 30_000);
