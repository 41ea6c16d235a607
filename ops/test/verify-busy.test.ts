import { afterAll, beforeAll, expect, test } from 'bun:test';

import { openDb } from '@tally/platform/postgres';
import { type TestDatabase, openTestDatabase, waitUntil } from '@tally/platform/testing';
import { type DatabaseName, DATABASE_NAMES, forEachDatabase } from '@tally/sql/databases';

import { describeReport } from '../verify/describe-report.ts';
import { verify } from '../verify/verify.ts';
import { prepareStock, startWriters } from './verify-writers.ts';

let opened: TestDatabase[];
let urls: Record<DatabaseName, string>;

beforeAll(async () => {
  opened = await Promise.all(DATABASE_NAMES.map(openTestDatabase));
  urls = forEachDatabase((name) => opened[DATABASE_NAMES.indexOf(name)]?.url ?? '');
  await prepareStock(urls.loms);
}, 60_000);

afterAll(async () => {
  await Promise.all(opened.map((database) => database[Symbol.asyncDispose]()));
});

test('a busy system raises no false alarm', async () => {
  await using writers = await startWriters(urls, 4);
  await waitUntil(() => writers.orders > 20, { what: 'the first orders are made' });
  const ordersBefore = writers.orders;
  for (let run = 0; run < 12; run += 1) {
    // The pause lets events be published and told between two snapshots, which shows whether their order is right.
    const onSnapshot = () => Bun.sleep(40);
    const report = await verify({ urls, full: run % 2 === 1, ...(run % 3 === 0 ? {} : { onSnapshot }) });
    // The description of the report says what was wrong.
    if (report.verdict !== 'holds') expect(describeReport(report)).toBe('holds');
    expect(report.invariants.find(({ name }) => name === 'orders not of cart')?.total).toBe(0);
  }
  expect(writers.orders).toBeGreaterThan(ordersBefore + 20);
}, 60_000);

test('verify does not see what an open transaction has changed, and sees it after the commit', async () => {
  await using loms = openDb({ url: urls.loms, applicationName: 'test', maxConnections: 1 });
  const report = await loms.transaction(async (tx) => {
    await tx.query('update stocks set total = total - 1 where sku = 1');
    const verified = verify({ urls });
    // The transaction must not be idle while verify runs: the role's timeout would end it after a second.
    for (;;) {
      const done = await Promise.race([verified, tx.query('select pg_sleep(0.05)').then(() => undefined)]);
      if (done !== undefined) return done;
    }
  });
  expect(report.verdict).toBe('holds');
  expect((await verify({ urls })).verdict).toBe('violated');
});
