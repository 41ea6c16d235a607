import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { openDb } from '@tally/platform/postgres';

import { describeReport, summarise } from '../verify/describe-report.ts';
import { RULES } from '../verify/rules.ts';
import { type Report, verify } from '../verify/verify.ts';
import { type Dataset, SEEDED, checkoutIdOf, openDataset } from './verify-dataset.ts';
import { DELAYS, VIOLATIONS } from './verify-faults.ts';

const PROMISES = RULES.filter(({ broken }) => broken !== 'noted');
const onlyFull = new Set(RULES.filter((rule) => rule.onlyFull).map(({ name }) => name));

let dataset: Dataset;

beforeAll(async () => {
  dataset = await openDataset();
}, 60_000);

afterAll(async () => {
  await dataset[Symbol.asyncDispose]();
});

const brokenOf = ({ invariants }: Report) =>
  invariants.filter(({ verdict }) => verdict === 'late' || verdict === 'violated');

describe('a consistent dataset', () => {
  for (const full of [false, true]) {
    test(`holds${full ? ' with --full' : ''}`, async () => {
      const report = await verify({ urls: dataset.urls, full });
      expect(brokenOf(report)).toEqual([]);
      expect(report.verdict).toBe('holds');
      expect(report.seen).toMatchObject({ chosen: 127, orders: 127, checkouts: 126, dead: 3 });
      expect(report.totals).toMatchObject({ orders: 127, unpublished: 8, parked: 1, dead: 3, openCheckouts: 1 });
    });
  }

  test('is described by a line for each invariant and a summary', async () => {
    const report = await verify({ urls: dataset.urls });
    const text = describeReport(report);
    expect(text.split('\n')).toHaveLength(RULES.length + 2);
    expect(text).toMatch(/^stock = ledger {10}holds {5}1,001 skus, 1,423 movements$/m);
    expect(text).toMatch(/^orders not of cart {6}noted {5}1 of 127 orders$/m);
    expect(text.split('\n').at(-1)).toBe(
      'not counted below: orders not of cart (a figure, and not a promise), log in order (skipped without --full)',
    );
    expect(summarise(report)).toBe(
      `verify: holds: ${PROMISES.filter(({ name }) => !onlyFull.has(name)).length} invariants over 127 orders, ` +
        '356 events, 347 notifications, 127 checkouts, 1,001 skus',
    );
  });
});

test('the seeded orders are as the faults expect them', async () => {
  await using db = openDb({ url: dataset.urls.loms, applicationName: 'test', maxConnections: 1 });
  for (const order of SEEDED) {
    const { rows } = await db.query(
      `select o.status, o.request_id, e.log_partition, array_agg(e.log_offset::integer order by e.version) as offsets,
              exists (select from order_lines l where l.order_id = o.id and l.sku = $2) as has_sku
         from orders o
         join order_events e on e.order_id = o.id
        where o.id = $1
        group by o.id, e.log_partition`,
      [order.id, order.sku],
    );
    expect(rows).toEqual([
      {
        status: order.status,
        request_id: checkoutIdOf(order),
        log_partition: order.partition,
        offsets: [...order.offsets],
        has_sku: true,
      },
    ]);
  }
});

for (const [verdict, faults] of [
  ['violated', VIOLATIONS],
  ['late', DELAYS],
] as const) {
  describe(`verify says '${verdict}', and names exactly the broken invariants and the id, after this change:`, () => {
    for (const { change, in: name, sql, breaks } of faults) {
      test(
        change,
        async () => {
          await using spoiled = await dataset.spoil(name, sql);
          const [fast, full] = await Promise.all([
            verify({ urls: spoiled.urls }),
            verify({ urls: spoiled.urls, full: true }),
          ]);
          expectBroken(full, breaks);
          expectBroken(fast, Object.fromEntries(Object.entries(breaks).filter(([rule]) => !onlyFull.has(rule))));
          expect([fast.verdict, full.verdict]).toEqual([verdict, verdict]);
        },
        60_000,
      );
    }
  });
}

/** Expects that exactly these invariants are broken, and that each of them names its id. */
function expectBroken(report: Report, breaks: Readonly<Record<string, string>>): void {
  const found = new Map(brokenOf(report).map(({ name, offenders }) => [name, offenders.map(({ id }) => id)]));
  expect([...found.keys()].toSorted()).toEqual(Object.keys(breaks).toSorted());
  for (const [rule, id] of Object.entries(breaks)) expect(found.get(rule)).toContain(id);
}

test('every rule is broken by one of the faults', () => {
  const broken = new Set([...VIOLATIONS, ...DELAYS].flatMap(({ breaks }) => Object.keys(breaks)));
  expect([...broken].toSorted()).toEqual(PROMISES.map(({ name }) => name).toSorted());
});

test('a report names at most 20 offenders and counts all of them', async () => {
  await using spoiled = await dataset.spoil('loms', 'update stocks set total = total + 1');
  const { verdict, invariants } = await verify({ urls: spoiled.urls });
  expect(verdict).toBe('violated');
  const [stock] = invariants;
  expect(stock).toMatchObject({ name: 'stock = ledger', verdict: 'violated', total: 1001 });
  expect(stock?.offenders).toHaveLength(20);
});
