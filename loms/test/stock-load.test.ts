import { afterAll, beforeAll, expect, test } from 'bun:test';

import { systemClock } from '@tally/platform/concurrency';
import { type TestDatabase, openTestDatabase, outcomeOf, range, withTimeout } from '@tally/platform/testing';

import { createPostgresStockLoadStore } from '../src/stock-load/stock-load-postgres.ts';
import {
  MAX_CHUNK_SKUS,
  type StockEntry,
  StockLoadError,
  type StockLoadStore,
  loadStock,
} from '../src/stock-load/stock-load.ts';
import { UpdateError } from '../src/store/store.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { openLoms } from './service.ts';

let database: LomsDatabase;
let log: TestDatabase;

beforeAll(async () => {
  [database, log] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
});

const entry = (sku: number, total: number, held = 0): StockEntry => ({ sku, total: BigInt(total), held: BigInt(held) });
const load = (...entries: readonly StockEntry[]) =>
  loadStock({ store: createPostgresStockLoadStore(database.db), clock: systemClock }, entries);
const outcomesOf = async (...entries: readonly StockEntry[]) => (await load(...entries)).map(({ outcome }) => outcome);

/** Returns total, held and reserved of a sku. */
async function stockOf(sku: number): Promise<number[] | undefined> {
  const { rows } = await database.db.query('select total, held, reserved from stocks where sku = $1', [sku]);
  return rows.map(({ total, held, reserved }) => [total, held, reserved].map(Number))[0];
}

/** Returns kind, total and held of the movements that stock loading wrote for a sku. */
async function movementsOf(sku: number): Promise<unknown[]> {
  const { rows } = await database.db.query(
    `select kind, total_delta, held_delta from stock_movements where sku = $1 and order_id is null order by moment`,
    [sku],
  );
  return rows.map((row) => [row.kind, Number(row.total_delta), Number(row.held_delta)]);
}

/** The real store, whose updates from number `first` to number `last` fail. */
function failing(failure: UpdateError, first: number, last = Infinity): Pick<StockLoadStore, 'update'> {
  const store = createPostgresStockLoadStore(database.db);
  let updates = 0;
  return {
    async update(skus, decide) {
      updates += 1;
      if (updates >= first && updates <= last) throw failure;
      return store.update(skus, decide);
    },
  };
}

test('the first load of a sku is a receipt, a later one adjusts it, and the same one changes nothing', async () => {
  expect(await outcomesOf(entry(1, 300, 5))).toEqual(['received']);
  expect(await outcomesOf(entry(1, 300, 5))).toEqual(['unchanged']);
  expect(await outcomesOf(entry(1, 250, 7))).toEqual(['adjusted']);
  expect(await stockOf(1)).toEqual([250, 7, 0]);
  expect(await movementsOf(1)).toEqual([
    ['receipt', 300, 5],
    ['adjust', -50, 2],
  ]);
});

test('when more units are held outside than there are, none can be ordered', async () => {
  await load(entry(2, 3, 10));
  await using loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
  expect((await loms.client.stockInfo({ sku: 2 }, withTimeout(5000))).count).toBe(0n);
}, 30_000);

test('a total below the reserved units is refused, and the other entries are loaded', async () => {
  await load(entry(3, 10), entry(4, 10));
  await using loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
  await loms.client.orderCreate({ user: 1n, items: [{ sku: 3, count: 6n }] }, withTimeout(5000));
  const loaded = await load(entry(3, 5), entry(4, 5));
  expect(loaded.map(({ entry: { sku }, outcome, before }) => [sku, outcome, before.reserved])).toEqual([
    [3, 'refused', 6n],
    [4, 'adjusted', 0n],
  ]);
  expect(await stockOf(3)).toEqual([10, 0, 6]);
  expect(await stockOf(4)).toEqual([5, 0, 0]);
  expect(await outcomesOf(entry(3, 6))).toEqual(['adjusted']);
}, 30_000);

test('stock can be loaded during a rush of orders: no deadlock, and ledger and counters agree', async () => {
  const skus = range(8).map((i) => 100 + i);
  await load(...skus.map((sku) => entry(sku, 100_000)));
  await using loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
  const orders = range(200).map((i) => {
    const items = [i, 3 * i + 1, 5 * i + 2].map((n) => ({ sku: skus[n % 8] ?? 0, count: 1n }));
    return outcomeOf(loms.client.orderCreate({ user: BigInt(i + 1), items }, withTimeout(10_000)));
  });
  const loads = range(10).map((i) => load(...skus.toReversed().map((sku) => entry(sku, 100_000 + i))));
  expect(new Set(await Promise.all(orders))).toEqual(new Set(['OK']));
  for (const loaded of await Promise.all(loads)) expect(loaded).toHaveLength(8);
  expect(await database.disagreements()).toEqual([]);
}, 60_000);

test('a file of several chunks is loaded ascending by sku', async () => {
  const entries = range(2 * MAX_CHUNK_SKUS + 10).map((i) => entry(20_000 - i, 1));
  const loaded = await load(...entries);
  expect(loaded.map((each) => each.entry.sku)).toEqual(entries.map(({ sku }) => sku).toSorted((a, b) => a - b));
  expect(await database.disagreements()).toEqual([]);
});

test('a failure in the middle lists what was loaded, and loading the entries again finishes the load', async () => {
  const entries = range(MAX_CHUNK_SKUS + 5).map((i) => entry(30_000 + i, 2));
  const store = failing(new UpdateError('culprit', new Error('a test')), 2);
  const failure = await loadStock({ store, clock: systemClock }, entries).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StockLoadError);
  expect((failure as StockLoadError).loaded).toHaveLength(MAX_CHUNK_SKUS);
  const outcomes = await outcomesOf(...entries);
  const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
  expect([count('unchanged'), count('received')]).toEqual([MAX_CHUNK_SKUS, 5]);
});

test('a lost connection is retried', async () => {
  const store = failing(new UpdateError('lost', new Error('a test')), 1, 2);
  const [loaded] = await loadStock({ store, clock: systemClock }, [entry(5, 9)]);
  expect(loaded?.outcome).toBe('received');
  expect(await stockOf(5)).toEqual([9, 0, 0]);
});
