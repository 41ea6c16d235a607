import { afterAll, beforeAll, expect, test } from 'bun:test';

import { openDb } from '@tally/platform/postgres';
import { type TestDatabase, openTestDatabase, waitUntil } from '@tally/platform/testing';
import { DATABASE_NAMES, type DatabaseName } from '@tally/sql/databases';

import { describeReport } from '../verify/describe-report.ts';
import { verify } from '../verify/verify.ts';
import { prepareWriters, startWriters } from './verify-writers.ts';

let opened: TestDatabase[];
let urls: Record<DatabaseName, string>;

beforeAll(async () => {
  opened = await Promise.all(DATABASE_NAMES.map(openTestDatabase));
  urls = Object.fromEntries(DATABASE_NAMES.map((name, i) => [name, opened[i]?.url])) as Record<DatabaseName, string>;
  await prepareWriters(urls);
}, 60_000);

afterAll(async () => {
  await Promise.all(opened.map((database) => database[Symbol.asyncDispose]()));
});

test('a busy system raises no false alarm', async () => {
  await using writers = startWriters(urls, 4);
  await waitUntil(() => writers.orders > 20, { what: 'the first orders are through' });
  const before = writers.orders;
  for (let run = 0; run < 12; run += 1) {
    // Slow enough that events are sent and read between two snapshots: taken in another order, they contradict each other.
    const onSnapshot = () => Bun.sleep(40);
    const report = await verify({ urls, full: run % 2 === 1, ...(run % 3 === 0 ? {} : { onSnapshot }) });
    // The text says what was wrong.
    if (report.verdict !== 'holds') expect(describeReport(report)).toBe('holds');
    expect(report.invariants.find(({ name }) => name === 'orders not of cart')?.total).toBe(0);
  }
  expect(writers.orders).toBeGreaterThan(before + 20);
}, 60_000);

test('a transaction that is half-way raises no false alarm', async () => {
  await using loms = openDb({ url: urls.loms, applicationName: 'test', maxConnections: 1 });
  const report = await loms.transaction(async (tx) => {
    await tx.query('update stocks set total = total - 1, reserved = reserved where sku = 1');
    const seen = verify({ urls });
    // The role ends a transaction that idles for a second.
    for (;;) {
      const done = await Promise.race([seen, tx.query('select pg_sleep(0.05)').then(() => undefined)]);
      if (done !== undefined) return done;
    }
  });
  expect(report.verdict).toBe('holds');
  // And it looked: the same change, committed, is seen.
  expect((await verify({ urls })).verdict).toBe('violated');
});
