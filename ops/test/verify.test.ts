import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { describeReport, summarise } from '../verify/describe-report.ts';
import { RULES } from '../verify/rules.ts';
import { type Report, verify } from '../verify/verify.ts';
import { type Dataset, openDataset } from './verify-dataset.ts';
import { LATE, VIOLATED } from './verify-spoiled.ts';

let dataset: Dataset;

beforeAll(async () => {
  dataset = await openDataset();
}, 60_000);

afterAll(async () => {
  await dataset[Symbol.asyncDispose]();
});

const broken = ({ invariants }: Report) =>
  invariants.filter(({ verdict }) => verdict === 'late' || verdict === 'violated');

describe('a consistent dataset', () => {
  for (const full of [false, true]) {
    test(`holds${full ? ', looked at as a whole' : ''}`, async () => {
      const report = await verify({ urls: dataset.urls, full });
      expect(broken(report)).toEqual([]);
      expect(report.verdict).toBe('holds');
      expect(report.seen).toMatchObject({ chosen: 127, orders: 127, checkouts: 126, dead: 3 });
      expect(report.totals).toMatchObject({ orders: 127, unpublished: 8, parked: 1, dead: 3, openCheckouts: 1 });
    });
  }

  test('is described by a line for each invariant, and a last one with the figures', async () => {
    const report = await verify({ urls: dataset.urls });
    const text = describeReport(report);
    expect(text.split('\n')).toHaveLength(RULES.length + 2);
    expect(text).toMatch(/^stock = ledger {10}holds {5}1,001 skus, 1,423 movements$/m);
    expect(text).toMatch(/^orders not of cart {6}noted {5}1 of 127 orders$/m);
    expect(text.split('\n').at(-1)).toBe(
      'not counted below: orders not of cart (a figure, and not a promise), log in order (skipped without --full)',
    );
    expect(summarise(report)).toBe(
      'verify: holds: 22 invariants over 127 orders, 356 events, 347 notifications, 127 checkouts, 1,001 skus',
    );
  });
});

const onlyFull = new Set(RULES.filter((rule) => rule.onlyFull).map(({ name }) => name));

for (const [verdict, cases] of [
  ['violated', VIOLATED],
  ['late', LATE],
] as const) {
  describe(`${verdict}, with the id and nothing else`, () => {
    for (const { what, in: name, by, breaks } of cases) {
      test(
        what,
        async () => {
          await using spoiled = await dataset.spoil(name, by);
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

/** Exactly these invariants are broken, and each names this id. */
function expectBroken(report: Report, breaks: Readonly<Record<string, string>>): void {
  const found = new Map(broken(report).map(({ name, offenders }) => [name, offenders.map(({ id }) => id)]));
  expect([...found.keys()].toSorted()).toEqual(Object.keys(breaks).toSorted());
  for (const [rule, id] of Object.entries(breaks)) expect(found.get(rule)).toContain(id);
}

test('every rule was seen broken', () => {
  const seen = new Set([...VIOLATED, ...LATE].flatMap(({ breaks }) => Object.keys(breaks)));
  const promises = RULES.filter(({ broken }) => broken !== 'noted').map(({ name }) => name);
  expect([...seen].toSorted()).toEqual(promises.toSorted());
});

test('at most 20 offenders are named, and all are counted', async () => {
  await using spoiled = await dataset.spoil('loms', 'update stocks set total = total + 1');
  const { verdict, invariants } = await verify({ urls: spoiled.urls });
  expect(verdict).toBe('violated');
  const [stock] = invariants;
  expect(stock).toMatchObject({ name: 'stock = ledger', verdict: 'violated', total: 1001 });
  expect(stock?.offenders).toHaveLength(20);
});
