import { afterAll, beforeAll, expect, test } from 'bun:test';
import { randomUUID } from 'node:crypto';

import {
  type TestDatabase,
  failureOfCall,
  openTestDatabase,
  outcomeOf,
  waitUntil,
  withTimeout,
} from '@tally/platform/testing';

import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { type TestLoms, openLoms } from './service.ts';

let database: LomsDatabase;
let log: TestDatabase;
/** Two instances of loms on one database. */
let instances: [TestLoms, TestLoms];

beforeAll(async () => {
  [database, log] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
  const urls = { databaseUrl: database.url, logUrl: log.url };
  instances = [await openLoms(urls), await openLoms(urls)];
});

afterAll(async () => {
  for (const instance of instances) await instance[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
});

const DEADLINE_MS = 20_000;
const clientOf = (i: number) => (instances[i % 2] as TestLoms).client;

/** Creates an order of shopper `i + 1`, on the two instances in turn. */
function create(i: number, lines: readonly (readonly [sku: number, count: number])[], headers = {}) {
  const items = lines.map(([sku, count]) => ({ sku, count: BigInt(count) }));
  return clientOf(i).orderCreate({ user: BigInt(i + 1), items }, withTimeout(DEADLINE_MS, headers));
}

/** Returns the metric lines of batches that failed because of another batch. There are none when locks are in order. */
async function findClashes(tested: readonly TestLoms[] = instances): Promise<string[]> {
  const metrics = await Promise.all(
    tested.map(async ({ running }) => (await fetch(`http://127.0.0.1:${running.adminPort}/metrics`)).text()),
  );
  return metrics.flatMap((text) => text.match(/^loms_batch_failures_total\{.*failure="(conflict|culprit)".*$/gm) ?? []);
}

const count = async (sql: string, values: unknown[] = []) => Number((await database.db.query(sql, values)).rows[0]?.n);

for (const instanceCount of [1, 2]) {
  test(`400 shoppers compete for 100 units over ${instanceCount} instances: 100 orders, 300 refusals`, async () => {
    const sku = 1000 + instanceCount;
    // Half of the 200 units are held outside. The constraints on the counters alone would allow 200 orders.
    await database.stock(sku, 200, 100);
    const before = await findClashes();
    const calls = Array.from({ length: 400 }, (_, i) => create(instanceCount === 1 ? i * 2 : i, [[sku, 1]]));
    const failures = await Promise.all(calls.map(failureOfCall));
    const refused = failures.filter((failure) => failure !== undefined);
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['INSUFFICIENT_STOCK']));
    expect(refused).toHaveLength(300);
    const named = refused.map(({ values }) => values['orderId']).toSorted();
    const { rows } = await database.db.query(
      `select o.id::text from orders o join order_lines l on l.order_id = o.id
        where l.sku = $1 and o.status = 'failed' order by o.id::text`,
      [sku],
    );
    expect(named).toEqual(rows.map(({ id }) => id));
    expect(await count('select reserved as n from stocks where sku = $1', [sku])).toBe(100);
    expect(await database.disagreements()).toEqual([]);
    expect(await findClashes()).toEqual(before);
  }, 30_000);
}

test('orders of overlapping skus in any order of lines, with payments and cancellations, never deadlock', async () => {
  // PostgreSQL adds a backend's deadlocks to its statistics when the backend ends. So this test has a database of its
  // own, and stops the instances before it reads the statistics.
  await using overlapping = await openLomsDatabase();
  const skus = Array.from({ length: 60 }, (_, i) => 2000 + i);
  for (const sku of skus) await overlapping.stock(sku, 400, 100);
  const shuffled = (seed: number) => skus.toSorted((a, b) => ((a * 7919 * seed) % 101) - ((b * 7919 * seed) % 101));
  // The batches are small, so that many of them take their locks at once.
  const urls = { databaseUrl: overlapping.url, logUrl: log.url };
  const four = await Promise.all([0, 1, 2, 3].map(() => openLoms(urls, { maxBatchCommands: 4 })));
  const at = (i: number) => (four[i % 4] as TestLoms).client;
  const outcomes = await Promise.all(
    Array.from({ length: 600 }, async (_, i) => {
      const items = shuffled(i + 1)
        .slice(0, 20)
        .map((sku, k) => ({ sku, count: BigInt(1 + ((i + k) % 3)) }));
      const failure = await failureOfCall(
        at(i)
          .orderCreate({ user: BigInt(i + 1), items }, withTimeout(DEADLINE_MS))
          .then(async ({ orderId }) => {
            // Another instance than the one that created the order handles it, so that both lock the same rows.
            if (i % 3 === 0) await at(i + 1).orderPay({ orderId }, withTimeout(DEADLINE_MS));
            if (i % 3 === 1) await at(i + 1).orderCancel({ orderId }, withTimeout(DEADLINE_MS));
          }),
      );
      return failure === undefined ? 'OK' : (failure.reason ?? String(failure.code));
    }),
  );
  expect(new Set(outcomes)).toEqual(new Set(['OK', 'INSUFFICIENT_STOCK']));
  expect(await findClashes(four)).toEqual([]);
  for (const instance of four) await instance[Symbol.asyncDispose]();
  const connections = `select from pg_stat_activity where datname = current_database() and application_name = 'loms'`;
  await waitUntil(async () => (await overlapping.db.query(connections, [])).rowCount === 0, {
    what: 'all connections are closed',
  });
  expect(await overlapping.disagreements()).toEqual([]);
  const { rows } = await overlapping.db.query(
    `select (select count(*) from stocks where total - held - reserved < 0)::int as oversold, deadlocks::int
       from pg_stat_database where datname = current_database()`,
    [],
  );
  expect(rows).toEqual([{ oversold: 0, deadlocks: 0 }]);
}, 60_000);

test('when a payment and a cancellation come at the same time, one wins, and the stock adds up', async () => {
  await database.stock(3000, 100);
  const before = await findClashes();
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const { orderId } = await create(i, [[3000, 1]]);
      return Promise.all([
        outcomeOf(clientOf(i).orderPay({ orderId }, withTimeout(DEADLINE_MS))),
        outcomeOf(clientOf(i + 1).orderCancel({ orderId }, withTimeout(DEADLINE_MS))),
      ]);
    }),
  );
  for (const pair of outcomes) expect(pair.toSorted()).toEqual(['FAILED_PRECONDITION WRONG_STATUS', 'OK']);
  expect(await database.disagreements()).toEqual([]);
  expect(await findClashes()).toEqual(before);
}, 30_000);

test('one idempotency key on two instances at the same time makes one order with one answer', async () => {
  await database.stock(3001, 1000);
  const pairs = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const headers = { 'idempotency-key': randomUUID() };
      const items = [{ sku: 3001, count: 1n }];
      const send = (i: number) => clientOf(i).orderCreate({ user: 5n, items }, withTimeout(DEADLINE_MS, headers));
      return Promise.all([send(0), send(1)]);
    }),
  );
  for (const [first, second] of pairs) expect(first.orderId).toBe(second.orderId);
  expect(await count('select reserved as n from stocks where sku = 3001')).toBe(50);
}, 30_000);

test('one checkout id, sent 20 times to two instances, makes one order', async () => {
  await database.stock(3002, 1000);
  const checkoutId = randomUUID();
  const items = [{ sku: 3002, count: 3n }];
  const calls = Array.from({ length: 20 }, (_, i) =>
    clientOf(i).orderCreate({ user: 5n, items, checkoutId }, withTimeout(DEADLINE_MS)),
  );
  const ids = await Promise.all(calls);
  expect(new Set(ids.map(({ orderId }) => orderId)).size).toBe(1);
  expect(await count('select reserved as n from stocks where sku = 3002')).toBe(3);
}, 30_000);

test('the sweeps of two instances cancel every unpaid order once, with one event', async () => {
  await database.stock(3003, 300);
  const orders = await Promise.all(Array.from({ length: 300 }, (_, i) => create(i, [[3003, 1]])));
  await database.advance(600_000);
  await waitUntil(async () => (await count('select reserved as n from stocks where sku = 3003')) === 0, {
    what: 'all units are released',
  });
  const ids = orders.map(({ orderId }) => orderId);
  expect(
    await count(`select count(*) as n from order_events where order_id = any($1) and status = 'cancelled'`, [ids]),
  ).toBe(300);
  expect(await count(`select count(*) as n from orders where id = any($1) and cause = 'payment expired'`, [ids])).toBe(
    300,
  );
  expect(await database.disagreements()).toEqual([]);
}, 30_000);
