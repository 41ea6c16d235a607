import { afterAll, beforeAll, expect, test } from 'bun:test';

import { AppError } from '../src/errors/index.ts';
import { type Db, failureOf, openDb } from '../src/postgres/index.ts';
import {
  type TestDatabase,
  openProxy,
  openTestDatabase,
  openTestServer,
  waitUntil,
  withPort,
} from '../src/testing/index.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await openTestDatabase('loms');
  db = openDb({ url: database.url, applicationName: 'test', maxConnections: 4 });
  await db.query('create table things (id integer primary key, n bigint)');
});

afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => failureOf(error),
  );

test('int8 is a bigint, in arrays as well', async () => {
  const { rows } = await db.query('select 9223372036854775807::int8 as one, array[1, null, 3]::int8[] as many', []);
  expect(rows).toEqual([{ one: 9223372036854775807n, many: [1n, null, 3n] }]);
});

test('a transaction commits all of its statements or none', async () => {
  await db.transaction(async (tx) => {
    await tx.query('insert into things values (1, 1)');
  });
  const broken = db.transaction(async (tx) => {
    await tx.query('insert into things values (2, 1)');
    throw new Error('changed my mind');
  });
  await expect(broken).rejects.toThrow('changed my mind');
  await broken.catch(() => {});
  const { rows } = await db.query('select id from things');
  expect(rows).toEqual([{ id: 1 }]);
});

test('when a statement that is sent with the commit fails, so does the transaction: nothing is committed', async () => {
  const promise = db.transaction(async (tx) => {
    await tx.query('insert into things values (3, 1)');
    tx.sendWithCommit(tx.query('insert into things values (1, 1)'));
  });
  expect(await failure(promise)).toBe('conflict');
  const { rows } = await db.query('select id from things where id = 3');
  expect(rows).toEqual([]);
});

test('a commit that the server answers with ROLLBACK is an error', async () => {
  const promise = db.transaction(async (tx) => {
    await tx.query('select 1 / 0').catch(() => {});
  });
  await expect(promise).rejects.toThrow('the transaction ended with ROLLBACK');
  await promise.catch(() => {});
});

test('failureOf classifies errors of the server', async () => {
  expect(await failure(db.query('select 1 / 0'))).toBe('data');
  expect(await failure(db.query('insert into things values (1, 1)'))).toBe('conflict');
  expect(await failure(db.query('insert into things values (null, 1)'))).toBe('data');
  expect(await failure(db.query('select nonsense'))).toBe('bug');
  expect(await failure(db.within(50).query('select pg_sleep(1)'))).toBe('timeout');
});

test('an idle transaction is ended after a second, and its locks are released', async () => {
  const held = failure(
    db.transaction(async (tx) => {
      await tx.query('select * from things where id = 1 for update');
      await Bun.sleep(1500);
      await tx.query('select 1');
    }),
  );
  const waited = await db.transaction((tx) => tx.query('select id from things where id = 1 for update'));
  expect(waited.rowCount).toBe(1);
  expect(['timeout', 'lost']).toContain(await held);
});

test('a lost server is unavailable, and the pool reconnects by itself', async () => {
  await using server = await openTestServer();
  const url = await server.database('loms');
  await using lost = openDb({ url, applicationName: 'test', maxConnections: 2 });
  await lost.query('select 1');
  await server.kill();
  const error = await lost.query('select 1').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect(failureOf(error)).toBe('lost');
  await server.start();
  await waitUntil(
    () =>
      lost.query('select 1').then(
        () => true,
        () => false,
      ),
    { what: 'the database answers again' },
  );
}, 30_000);

test('when a server hangs, calls fail after 5 s and new connections after 2 s; then the pool recovers', async () => {
  await using proxy = await openProxy(Number(new URL(database.url).port));
  const url = withPort(database.url, proxy.port);
  await using stalled = openDb({ url, applicationName: 'test', maxConnections: 3 });
  const transaction = () => stalled.transaction((tx) => tx.query('select 1'));
  const within = () => stalled.within(500).query('select 1');
  // One connection for each of the three calls below.
  await Promise.all([stalled.query('select pg_sleep(0.1)'), transaction(), within()]);
  await Promise.all([1, 2, 3].map(() => stalled.query('select pg_sleep(0.2)')));
  proxy.isMute = true;
  const startedMs = performance.now();
  const tookMs = () => performance.now() - startedMs;
  const failures = [stalled.query('select 1'), transaction(), within()].map(async (call) => [
    await failure(call),
    tookMs(),
  ]);
  for (const [found, ms] of await Promise.all(failures)) {
    expect(['timeout', 'lost']).toContain(found as string);
    // The limit of 5 s for an answer applies once. A rollback must not wait as long again.
    expect(ms).toBeGreaterThan(4900);
    expect(ms).toBeLessThan(9000);
  }
  const connectingMs = performance.now();
  expect(await failure(stalled.query('select 1'))).toBe('lost');
  expect(performance.now() - connectingMs).toBeLessThan(4500);
  proxy.isMute = false;
  // As many new connections as before replace the failed ones.
  const pids = await Promise.all([1, 2, 3].map(() => stalled.query('select pg_backend_pid() as pid, pg_sleep(0.2)')));
  expect(new Set(pids.map(({ rows }) => rows[0].pid)).size).toBe(3);
  expect((await transaction()).rowCount).toBe(1);
}, 40_000);

test('the timeouts are settings of the role', async () => {
  const names = ['idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout', 'transaction_timeout'];
  const { rows } = await db.query('select setting from pg_settings where name = any($1) order by name', [names]);
  expect(rows.map(({ setting }) => setting)).toEqual(['1000', '2000', '3000', '4000']);
});
