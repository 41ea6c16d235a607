import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';

import { type Db, openDb } from '@tally/platform/postgres';
import { waitUntil } from '@tally/platform/testing';
import pg from 'pg';

import type { Answer, Command } from '../src/orders/decide-batch.ts';
import { createPostgresStore } from '../src/store/store-postgres.ts';
import { cancel, create, line, orderIdOf, pay, reasonOf, runBatch } from '../src/testing/fixtures.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';

/*
  These tests check which locks a batch takes, and in which order. Many concurrent batches could pass by luck, and a
  batch that failed would be retried. So here each batch meets one transaction that holds one lock, and has to be right
  on its first attempt.
*/

const SKUS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const SHUFFLED = [7, 2, 9, 4, 1, 8, 5, 3, 6];
const TIMEOUT_MS = 20_000;

let database: LomsDatabase;
/** A pool without the role's short timeouts, so that no lock wait ends early on a busy machine. */
let db: Db;
/** The connection whose transaction holds a lock. */
let holder: pg.Client;

beforeAll(async () => {
  database = await openLomsDatabase();
  const url = withLongTimeouts(database.url);
  db = openDb({ url, applicationName: 'batch', maxConnections: 2, answerTimeoutMs: TIMEOUT_MS });
  holder = new pg.Client({ connectionString: url });
  await holder.connect();
});
afterAll(async () => {
  await holder.end();
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function withLongTimeouts(url: string): string {
  const names = ['idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout', 'transaction_timeout'];
  const changed = new URL(url);
  changed.searchParams.set('options', names.map((name) => `-c ${name}=${TIMEOUT_MS}`).join(' '));
  return changed.href;
}

beforeEach(async () => {
  await database.db.query('truncate stocks, stock_movements, orders, order_lines, order_keys, order_events');
  for (const sku of SKUS) await database.stock(sku, 100, 50);
});

const run = (...commands: readonly Command[]): Promise<Answer[]> => runBatch(createPostgresStore(db), commands);

/**
 * Runs `statement` in a transaction, runs the batch until it waits for that transaction, calls `whileWaiting`, and
 * commits the transaction. Resolves with the answers of the batch.
 */
async function runAfter(
  statement: string,
  commands: readonly Command[],
  whileWaiting = async () => {},
): Promise<Answer[]> {
  await holder.query(`begin; ${statement}`);
  const { rows } = await holder.query('select pg_backend_pid() as pid');
  const answers = run(...commands);
  // The answers are awaited below. Until then a rejection must not count as unhandled.
  answers.catch(() => {});
  const isWaiting = async () => {
    const text = 'select from pg_stat_activity where $1::int = any(pg_blocking_pids(pid))';
    return (await database.db.query(text, [rows[0].pid])).rowCount > 0;
  };
  try {
    await waitUntil(isWaiting, { what: 'the batch waits for the holder' });
    await whileWaiting();
  } finally {
    await holder.query('commit');
  }
  return answers;
}

/** Returns the rows that nobody has locked, ascending. */
async function findUnlocked(table: 'stocks' | 'orders', column: string): Promise<number[]> {
  const { rows } = await database.db.query(`select ${column} as id from ${table} for no key update skip locked`, []);
  return rows.map(({ id }) => Number(id)).toSorted((a, b) => a - b);
}

test('a batch decides on the stock as it is after the lock wait, even where no constraint would object', async () => {
  // 50 of the 100 units are held outside, so selling units that are not available breaks no constraint.
  const statement = `
    update stocks set held = held + 10 where sku = 1;
    insert into stock_movements (sku, kind, total_delta, reserved_delta, held_delta, moment)
    values (1, 'adjust', 0, 0, 10, tally_now())`;
  const [answer] = await runAfter(statement, [create([line(1, 50)])]);
  expect(reasonOf(answer)).toBe('INSUFFICIENT_STOCK');
  expect(await database.disagreements()).toEqual([]);
});

for (const [name, command, reason] of [
  ['cancellation', cancel, 'WRONG_STATUS'],
  ['payment', pay, 'done'],
] as const) {
  test(`a ${name} decides on the status as it is after the lock wait`, async () => {
    const id = orderIdOf((await run(create([line(1, 1)])))[0]);
    const [answer] = await runAfter(`update orders set status = 'payed' where id = ${id}`, [command(id)]);
    expect(reasonOf(answer)).toBe(reason);
    // The holder wrote no event, so a third one would come from the batch.
    const { rows } = await database.db.query('select version from order_events where order_id = $1 order by 1', [id]);
    expect(rows.map(({ version }) => version)).toEqual([1, 2]);
  });
}

test('stocks are locked ascending by sku: a batch that waits for one has locked exactly those before it', async () => {
  const lines = SHUFFLED.map((sku) => line(sku, 1));
  for (const sku of [3, 5, 8]) {
    await runAfter(`select from stocks where sku = ${sku} for no key update`, [create(lines)], async () =>
      expect(await findUnlocked('stocks', 'sku')).toEqual(SKUS.slice(sku)),
    );
  }
});

test('orders are locked ascending by id: a batch that waits for one has locked exactly those before it', async () => {
  const created = await run(...SKUS.map(() => create([line(1, 1)])));
  const ids = created.map(orderIdOf).toSorted((a, b) => Number(a - b));
  const payments = SHUFFLED.map((nth) => pay(ids[nth - 1] ?? 0n));
  await runAfter(`select from orders where id = ${ids[4]} for no key update`, payments, async () => {
    const unlocked = await findUnlocked('orders', 'id');
    expect(unlocked.filter((id) => ids.includes(BigInt(id)))).toEqual(ids.slice(5).map(Number));
  });
});

test('orders are locked before stocks: a batch that waits for an order has locked no stock', async () => {
  const id = orderIdOf((await run(create([line(1, 1)])))[0]);
  const commands = [pay(id), create([line(2, 1)])];
  await runAfter(`select from orders where id = ${id} for no key update`, commands, async () =>
    expect(await findUnlocked('stocks', 'sku')).toEqual(SKUS),
  );
});

test('keys are inserted in ascending order: a batch that waits for one has inserted none after it', async () => {
  const keyed = SHUFFLED.map((n) => create([line(1, 1)], { key: { text: `k${n}`, requestHash: Buffer.from('a') } }));
  const insert = (n: number) => `insert into order_keys values (7, 'k${n}', 'a', 0, now())`;
  const failure = await runAfter(insert(5), keyed, async () => {
    // A batch that had inserted this key already would let this statement wait, and end in a deadlock.
    await holder.query(`set local lock_timeout = '500ms'; ${insert(9)}`);
  }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ failure: 'conflict', cause: { code: '23505' } });
});

test('deleting old keys skips a key that another sweep has locked, without waiting for it', async () => {
  await database.db.query(`insert into order_keys select n, 'k', '', n, '-infinity' from generate_series(1, 2) as n`);
  await holder.query('begin; select from order_keys where user_id = 1 for update');
  try {
    expect(await createPostgresStore(database.db).deleteOldKeys(86_400_000, 10)).toBe(1);
  } finally {
    await holder.query('rollback');
  }
});
