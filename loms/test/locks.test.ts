import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';

import { type Db, openDb } from '@tally/platform/postgres';
import { waitUntil } from '@tally/platform/testing';
import pg from 'pg';

import { type Answer, decideBatch, wantedBy } from '../src/orders/decide-batch.ts';
import type { Command } from '../src/orders/command.ts';
import { cancel, create, line, pay } from '../src/orders/fixtures.ts';
import { createPostgresStore } from '../src/store/store-postgres.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';

/*
  What a batch locks, and in which order. A run of many batches can be lucky, and a batch that failed runs again: so here
  each batch meets one transaction that holds one lock, and must do right at once.
*/

const SKUS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const PATIENCE_MS = 20_000;

let database: LomsDatabase;
/** Without the role's timeouts, so that nobody is thrown out of a wait where the machine is busy. */
let db: Db;
let holder: pg.Client;

beforeAll(async () => {
  database = await openLomsDatabase();
  const url = patient(database.url);
  db = openDb({ url, applicationName: 'batch', maxConnections: 2, answerTimeoutMs: PATIENCE_MS });
  holder = new pg.Client({ connectionString: url });
  await holder.connect();
});
afterAll(async () => {
  await holder.end();
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function patient(url: string): string {
  const names = ['idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout', 'transaction_timeout'];
  const changed = new URL(url);
  changed.searchParams.set('options', names.map((name) => `-c ${name}=${PATIENCE_MS}`).join(' '));
  return changed.href;
}

beforeEach(async () => {
  await database.db.query('truncate stocks, stock_movements, orders, order_lines, order_keys, order_events');
  for (const sku of SKUS) await database.stock(sku, 100, 50);
});

/** One batch of these commands; fails where it would have to run again. */
async function run(...commands: readonly Command[]): Promise<Answer[]> {
  let answers: Answer[] = [];
  await createPostgresStore(db).update(
    wantedBy(commands, () => false),
    (loaded) => {
      const decided = decideBatch(commands, loaded, { paymentTimeoutMs: 600_000, isAlive: () => true });
      answers = decided.answers;
      return decided.changes;
    },
  );
  return answers;
}

/** Runs a batch behind a transaction that did `held`; calls `meanwhile` once the batch waits for it. */
async function runBehind(held: string, commands: readonly Command[], meanwhile = async () => {}): Promise<Answer[]> {
  await holder.query(`begin; ${held}`);
  const { rows } = await holder.query('select pg_backend_pid() as pid');
  const answers = run(...commands);
  // Awaited below; whether it fails earlier does not matter.
  answers.catch(() => {});
  const isWaiting = async () => {
    const text = 'select from pg_stat_activity where $1::int = any(pg_blocking_pids(pid))';
    return (await database.db.query(text, [rows[0].pid])).rowCount > 0;
  };
  try {
    await waitUntil(isWaiting, { what: 'the batch waits for the holder' });
    await meanwhile();
  } finally {
    await holder.query('commit');
  }
  return answers;
}

/** What nobody has locked. */
async function unlocked(table: 'stocks' | 'orders', column: string): Promise<number[]> {
  const { rows } = await database.db.query(`select ${column} as id from ${table} for no key update skip locked`, []);
  return rows.map(({ id }) => Number(id)).toSorted((a, b) => a - b);
}

const idOf = (answer: Answer | undefined) => (answer?.kind === 'done' ? (answer.orderId ?? 0n) : 0n);
const reasonOf = (answer: Answer | undefined) => (answer?.kind === 'refused' ? answer.refusal.reason : answer?.kind);

test('a batch decides on the stock that the lock left which it waited for, where no check would notice', async () => {
  // 50 of 100 are held outside: an oversale of available units breaks no constraint.
  const held = `
    update stocks set held = held + 10 where sku = 1;
    insert into stock_movements (sku, kind, total_delta, reserved_delta, held_delta, moment)
    values (1, 'adjust', 0, 0, 10, tally_now())`;
  const [answer] = await runBehind(held, [create([line(1, 50)])]);
  expect(reasonOf(answer)).toBe('INSUFFICIENT_STOCK');
  expect(await database.disagreements()).toEqual([]);
});

test('a batch decides on the status that the lock left which it waited for', async () => {
  for (const [make, reason] of [
    [cancel, 'WRONG_STATUS'],
    [pay, 'done'],
  ] as const) {
    const id = idOf((await run(create([line(1, 1)])))[0]);
    const [answer] = await runBehind(`update orders set status = 'payed' where id = ${id}`, [make(id)]);
    expect(reasonOf(answer)).toBe(reason);
    // Of what loms wrote: nothing was added to a payed order.
    const { rows } = await database.db.query('select version from order_events where order_id = $1 order by 1', [id]);
    expect(rows.map(({ version }) => version)).toEqual([1, 2]);
  }
});

test('stocks are locked by sku: who waits for one has those before it, and none behind it', async () => {
  const mixed = [7, 2, 9, 4, 1, 8, 5, 3, 6].map((sku) => line(sku, 1));
  for (const sku of [3, 5, 8]) {
    await runBehind(`select from stocks where sku = ${sku} for no key update`, [create(mixed)], async () =>
      expect(await unlocked('stocks', 'sku')).toEqual(SKUS.slice(sku)),
    );
  }
});

test('orders are locked by id: who waits for one has those before it, and none behind it', async () => {
  const made = await run(...SKUS.map(() => create([line(1, 1)])));
  const ids = made.map(idOf).toSorted((a, b) => Number(a - b));
  const mixed = [7, 2, 9, 4, 1, 8, 5, 3, 6].map((nth) => pay(ids[nth - 1] ?? 0n));
  await runBehind(`select from orders where id = ${ids[4]} for no key update`, mixed, async () => {
    const left = await unlocked('orders', 'id');
    expect(left.filter((id) => ids.includes(BigInt(id)))).toEqual(ids.slice(5).map(Number));
  });
});

test('orders are locked before stocks: who waits for an order has no stock', async () => {
  const id = idOf((await run(create([line(1, 1)])))[0]);
  await runBehind(`select from orders where id = ${id} for no key update`, [pay(id), create([line(2, 1)])], async () =>
    expect(await unlocked('stocks', 'sku')).toEqual(SKUS),
  );
});

test('an old key that another sweep has locked is passed over, and nobody waits for it', async () => {
  await database.db.query(`insert into order_keys select n, 'k', '', n, '-infinity' from generate_series(1, 2) as n`);
  await holder.query('begin; select from order_keys where user_id = 1 for update');
  try {
    expect(await createPostgresStore(database.db).deleteOldKeys(86_400_000, 10)).toBe(1);
  } finally {
    await holder.query('rollback');
  }
});
