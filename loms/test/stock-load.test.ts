import { afterAll, beforeAll, expect, test } from 'bun:test';

import { systemClock } from '@tally/platform/concurrency';
import { type TestDatabase, openTestDatabase, outcomeOf } from '@tally/platform/testing';

import { MAX_CHUNK_SKUS, type StockEntry, StockLoadError, loadStock } from '../src/stock-load/stock-load.ts';
import { createPostgresStockLoadStore } from '../src/stock-load/stock-load-postgres.ts';
import { UpdateError } from '../src/store/store.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';
import { openLoms, within } from './service.ts';

let database: LomsDatabase;
let log: TestDatabase;

beforeAll(async () => {
  [database, log] = await Promise.all([openLomsDatabase(), openTestDatabase('log')]);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
});

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
const entry = (sku: number, total: number, held = 0): StockEntry => ({ sku, total: BigInt(total), held: BigInt(held) });
const load = (...entries: readonly StockEntry[]) =>
  loadStock({ store: createPostgresStockLoadStore(database.db), clock: systemClock }, entries);
const outcomesOf = async (...entries: readonly StockEntry[]) => (await load(...entries)).map(({ outcome }) => outcome);

async function stockOf(sku: number): Promise<unknown[]> {
  const { rows } = await database.db.query('select total, held, reserved from stocks where sku = $1', [sku]);
  return rows.map(({ total, held, reserved }) => [total, held, reserved].map(Number));
}

async function ledgerOf(sku: number): Promise<unknown[]> {
  const { rows } = await database.db.query(
    `select kind, total_delta, held_delta from stock_movements where sku = $1 and order_id is null order by moment`,
    [sku],
  );
  return rows.map((row) => [row.kind, Number(row.total_delta), Number(row.held_delta)]);
}

test('the first load is a receipt, a later one adjusts, the same one changes nothing', async () => {
  expect(await outcomesOf(entry(1, 300, 5))).toEqual(['received']);
  expect(await outcomesOf(entry(1, 300, 5))).toEqual(['unchanged']);
  expect(await outcomesOf(entry(1, 250, 7))).toEqual(['adjusted']);
  expect(await stockOf(1)).toEqual([[250, 7, 0]]);
  expect(await ledgerOf(1)).toEqual([
    ['receipt', 300, 5],
    ['adjust', -50, 2],
  ]);
});

test('more may be held outside than there is: none of it can be ordered', async () => {
  await load(entry(2, 3, 10));
  await using loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
  expect((await loms.client.stockInfo({ sku: 2 }, within(5000))).count).toBe(0n);
}, 30_000);

test('a total below what orders have reserved is refused for that sku, by name, and the others are loaded', async () => {
  await load(entry(3, 10), entry(4, 10));
  await using loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
  await loms.client.orderCreate({ user: 1n, items: [{ sku: 3, count: 6n }] }, within(5000));
  const loaded = await load(entry(3, 5), entry(4, 5));
  expect(loaded.map(({ entry: { sku }, outcome, before }) => [sku, outcome, before.reserved])).toEqual([
    [3, 'refused', 6n],
    [4, 'adjusted', 0n],
  ]);
  expect([await stockOf(3), await stockOf(4)]).toEqual([[[10, 0, 6]], [[5, 0, 0]]]);
  expect(await outcomesOf(entry(3, 6))).toEqual(['adjusted']);
}, 30_000);

test('loading in the middle of a rush of orders: no deadlock, and ledger and counters agree', async () => {
  const skus = upTo(8).map((n) => 100 + n);
  await load(...skus.map((sku) => entry(sku, 100_000)));
  await using loms = await openLoms({ databaseUrl: database.url, logUrl: log.url });
  const orders = upTo(200).map((n) => {
    const picked = [skus[n % 8], skus[(n * 3 + 1) % 8], skus[(n * 5 + 2) % 8]].map((sku) => ({
      sku: sku ?? 0,
      count: 1n,
    }));
    return outcomeOf(loms.client.orderCreate({ user: BigInt(n + 1), items: picked }, within(10_000)));
  });
  const loads = upTo(10).map((n) => load(...skus.toReversed().map((sku) => entry(sku, 100_000 + n))));
  expect(new Set(await Promise.all(orders))).toEqual(new Set(['OK']));
  for (const loaded of await Promise.all(loads)) expect(loaded).toHaveLength(8);
  expect(await database.disagreements()).toEqual([]);
}, 60_000);

test('a file of many chunks is loaded in the order of the skus', async () => {
  const entries = upTo(2 * MAX_CHUNK_SKUS + 10).map((n) => entry(20_000 - n, 1));
  const loaded = await load(...entries);
  expect(loaded.map((each) => each.entry.sku)).toEqual(entries.map(({ sku }) => sku).toSorted((a, b) => a - b));
  expect(await database.disagreements()).toEqual([]);
});

test('a database that goes away in the middle says how far it came; the same entries again finish it', async () => {
  const entries = upTo(MAX_CHUNK_SKUS + 5).map((n) => entry(30_000 + n, 2));
  const store = createPostgresStockLoadStore(database.db);
  let chunks = 0;
  const dying = {
    ...store,
    update: async (...args: Parameters<typeof store.update>) => {
      chunks += 1;
      if (chunks > 1) throw new UpdateError('culprit', new Error('gone'));
      await store.update(...args);
    },
  };
  const failure = await loadStock({ store: dying, clock: systemClock }, entries).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StockLoadError);
  expect((failure as StockLoadError).loaded).toHaveLength(MAX_CHUNK_SKUS);
  const again = await load(...entries);
  const count = (wanted: string) => again.filter(({ outcome }) => outcome === wanted).length;
  expect([count('unchanged'), count('received')]).toEqual([MAX_CHUNK_SKUS, 5]);
});

test('a lost connection is no reason to give up', async () => {
  const store = createPostgresStockLoadStore(database.db);
  let cuts = 0;
  const cut = {
    ...store,
    update: async (...args: Parameters<typeof store.update>) => {
      if (cuts < 2) {
        cuts += 1;
        throw new UpdateError('lost', new Error('cut'));
      }
      await store.update(...args);
    },
  };
  const [loaded] = await loadStock({ store: cut, clock: systemClock }, [entry(5, 9)]);
  expect([loaded?.outcome, cuts]).toEqual(['received', 2]);
});
