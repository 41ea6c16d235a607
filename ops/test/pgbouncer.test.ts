import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import type { Program } from '@tally/platform/embedded';
import { type Db, failureOf, openDb } from '@tally/platform/postgres';
import { type TestServer, describeWith, openTestServer, quietPorts } from '@tally/platform/testing';

import { CHECKOUT, readLocalConfig } from '../local/config.ts';
import { planPgbouncer, preparePgbouncer } from '../local/parts/pgbouncer.ts';
import { toRunFiles } from '../local/run/run-files.ts';
import { createSteps } from '../local/run/steps.ts';
import { until } from './local-fake-system.ts';

const silent = createSteps(systemClock, () => {});
const program = await preparePgbouncer(readLocalConfig({}, CHECKOUT), silent).catch((error: Error) => error.message);

describeWith(typeof program === 'string' ? program : undefined, 'a database behind pgbouncer', () => {
  const stack = new AsyncDisposableStack();
  let server: TestServer;
  let db: Db;

  beforeAll(async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'tally bouncer '));
    stack.defer(() => rmSync(stateDir, { recursive: true, force: true }));
    mkdirSync(toRunFiles(stateDir).run);
    server = stack.use(await openTestServer());
    const env = { TALLY_STATE_DIR: stateDir, TALLY_PGBOUNCER_LOMS_PORT: String(quietPorts(1)[0]) };
    const planned = planPgbouncer(
      program as Program,
      'loms',
      readLocalConfig(env, CHECKOUT),
      await server.database('loms'),
    );
    for (const [path, text] of Object.entries(planned.files ?? {})) writeFileSync(path, text, { mode: 0o600 });
    const child = Bun.spawn([...planned.command], { env: planned.env, stdout: 'ignore', stderr: 'ignore' });
    stack.defer(async () => {
      child.kill('SIGKILL');
      await child.exited;
    });
    const options = { url: planned.readyUrl, namedStatements: false, maxConnections: 30 };
    db = stack.use(openDb({ ...options, applicationName: 'loms' }));
    await until(
      'it answers',
      () =>
        db.query('select 1').then(
          () => true,
          () => false,
        ),
      20_000,
    );
    await db.query('create table things (id integer primary key)');
  });

  afterAll(() => stack.disposeAsync());

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => 'none',
      (error: unknown) => failureOf(error),
    );

  test('a transaction that is sent in one flush succeeds, or fails with its statement', async () => {
    await db.transaction(async (tx) => {
      const results = await Promise.all([tx.query('select $1::int as n', [1]), tx.query('select $1::int as n', [2])]);
      expect(results.map(({ rows }) => rows[0].n)).toEqual([1, 2]);
      tx.sendWithCommit(tx.query('insert into things values ($1)', [1]));
    });
    const twice = db.transaction(async (tx) => {
      tx.sendWithCommit(tx.query('insert into things values ($1)', [1]));
    });
    expect(await failure(twice)).toBe('conflict');
    const { rows } = await db.query('select id from things', []);
    expect(rows).toEqual([{ id: 1 }]);
  });

  test('the deadline of a caller, the timeouts of the role and the name of the service are kept', async () => {
    expect(await failure(db.within(50).query('select pg_sleep($1)', [1]))).toBe('timeout');
    const { rows } = await db.query(
      `select current_setting('statement_timeout') as statement, current_setting('transaction_timeout') as transaction,
              current_setting('application_name') as name`,
      [],
    );
    expect(rows).toEqual([{ statement: '3s', transaction: '4s', name: 'loms' }]);
  });

  test('an idle transaction is aborted, its locks are released, and its connection is not used again', async () => {
    const held = failure(
      db.transaction(async (tx) => {
        await tx.query('select * from things where id = 1 for update', []);
        await Bun.sleep(1500);
        await tx.query('select 1', []);
      }),
    );
    const waited = await db.transaction((tx) => tx.query('select id from things where id = 1 for update', []));
    expect(waited.rows).toEqual([{ id: 1 }]);
    expect(['lost', 'timeout']).toContain(await held);
    expect((await db.query('select 1 as n', [])).rows).toEqual([{ n: 1 }]);
  });

  test('more callers than connections, with different statements, are all answered', async () => {
    const calls = Array.from({ length: 600 }, async (_, n) => {
      const text = `select $1::int as "${n % 40}"`;
      const { rows } = n % 2 === 0 ? await db.query(text, [n]) : await db.transaction((tx) => tx.query(text, [n]));
      return Object.values(rows[0])[0];
    });
    expect(await Promise.all(calls)).toEqual(calls.map((_, n) => n));
    const { rows } = await db.query(
      `select count(*)::int as n from pg_stat_activity where backend_type = 'client backend' and usename = 'tally'`,
      [],
    );
    expect(rows[0].n).toBeLessThanOrEqual(20);
  });

  test('a database that was killed and started again is used within three seconds', async () => {
    await server.kill();
    expect(await failure(db.query('select 1', []))).toBe('lost');
    await server.start();
    const startedMs = performance.now();
    await until(
      'it answers again',
      () =>
        db.query('select 1', []).then(
          () => true,
          () => false,
        ),
      20_000,
    );
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  }, 60_000);
});
