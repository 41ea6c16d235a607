import { afterAll, expect, test } from 'bun:test';

import { systemClock } from '@tally/platform/concurrency';
import { createLog } from '@tally/platform/telemetry';
import { range } from '@tally/platform/testing';

import { startBatcher } from '../src/batch/batcher.ts';
import { createPostgresStore } from '../src/store/store-postgres.ts';
import { create, line } from '../src/testing/fixtures.ts';
import { storeContract } from '../src/testing/store-contract.ts';
import { type LomsDatabase, openLomsDatabase } from './database.ts';

const opened: LomsDatabase[] = [];
afterAll(async () => {
  for (const database of opened) await database[Symbol.asyncDispose]();
});

storeContract('PostgreSQL', async () => {
  const database = await openLomsDatabase();
  opened.push(database);
  for (let sku = 1; sku <= 9; sku += 1) await database.stock(sku, 100);
  return { store: createPostgresStore(database.db), advance: (ms) => database.advance(ms) };
});

test('one poison command in a batch of 64 fails alone, and the others are stored', async () => {
  await using database = await openLomsDatabase();
  await database.stock(1, 100);
  const batches: number[] = [];
  await using batcher = startBatcher(
    {
      store: createPostgresStore(database.db),
      clock: systemClock,
      random: Math.random,
      log: createLog('loms', 'silent'),
      onEvents: () => {},
      onBatch: (commands) => batches.push(commands),
    },
    { maxQueuedCommands: 100, maxBatchCommands: 64, maxBatchLines: 2000 },
  );
  // Requests with U+0000 are refused before they become commands. PostgreSQL refuses it too (SQLSTATE 22021), and with
  // it the whole statement.
  const named = (name: string) => create([{ ...line(1, 1), name }], { deadlineMs: Date.now() + 20_000 });
  const commands = range(64).map((i) => named(i === 40 ? 'po\0ison' : 'a lamp'));
  const results = await Promise.allSettled(commands.map((command) => batcher.submit(command)));
  expect(batches[0]).toBe(64);
  expect(results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))).toEqual([40]);
  const { rows } = await database.db.query('select count(*)::int as n from orders', []);
  expect(rows).toEqual([{ n: 63 }]);
  expect(await database.disagreements()).toEqual([]);
}, 30_000);
