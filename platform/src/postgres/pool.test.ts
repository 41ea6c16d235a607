import { describe, expect, test } from 'bun:test';

import { type Pool, createDb } from './pool.ts';
import { createToStatement } from './statement.ts';

/** A driver's pool with one connection, which notes what is sent. `answer` decides the result of each text. */
function setUp(answer: (text: string) => unknown = () => ({})) {
  const sent: string[] = [];
  const released: unknown[] = [];
  const query = async (statement: unknown) => {
    const text = typeof statement === 'string' ? statement : (statement as { text: string }).text;
    sent.push(text);
    const result = answer(text);
    if (result instanceof Error) throw result;
    return { rows: [], rowCount: 0, command: text.split(' ')[0]?.toUpperCase(), ...(result as object) };
  };
  const client = { query, release: (isBroken: unknown) => released.push(isBroken) };
  const pool = { connect: async () => client, query, end: async () => void sent.push('(end)') } as unknown as Pool;
  return { db: createDb(pool, createToStatement(true)), pool, sent, released };
}

const lost = () => Object.assign(new Error('connection terminated'), { code: '08006' });
const UNAVAILABLE = { kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE', retryAfterMs: 1000 };

describe('transaction', () => {
  test('runs the work between begin and commit, and gives the connection back', async () => {
    const { db, sent, released } = setUp();
    expect(await db.transaction(async (tx) => (await tx.query('select 1')).command)).toBe('SELECT');
    expect(sent).toEqual(['begin', 'select 1', 'commit']);
    expect(released).toEqual([false]);
  });

  test('rolls back when the work throws, and gives the connection back', async () => {
    const { db, sent, released } = setUp();
    await expect(db.transaction(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(sent).toEqual(['begin', 'rollback']);
    expect(released).toEqual([false]);
  });

  test('closes a connection that cannot roll back', async () => {
    const { db, released } = setUp((text) => (text === 'begin' ? {} : lost()));
    await expect(db.transaction((tx) => tx.query('select 1'))).rejects.toMatchObject(UNAVAILABLE);
    expect(released).toEqual([true]);
  });

  test('fails when the server answers commit with ROLLBACK', async () => {
    const { db, sent } = setUp((text) => (text === 'commit' ? { command: 'ROLLBACK' } : {}));
    await expect(db.transaction(async () => 1)).rejects.toThrow('the transaction ended with ROLLBACK');
    expect(sent).toEqual(['begin', 'commit', 'rollback']);
  });

  test('sends commit right after a query that is sent with it, and fails with its error', async () => {
    const { db, sent } = setUp((text) => (text.startsWith('insert') ? new Error('duplicate') : {}));
    const failed = db.transaction(async (tx) => tx.sendWithCommit(tx.query('insert')));
    await expect(failed).rejects.toThrow('duplicate');
    expect(sent).toEqual(['begin', 'insert', 'commit', 'rollback']);
  });

  test('may read from one snapshot, and may end earlier than the limit of the role', async () => {
    const { db, sent } = setUp();
    await db.transaction(async () => {}, { snapshot: true });
    for (const timeoutMs of [250.7, 0, -5, 60_000]) await db.transaction(async () => {}, { timeoutMs });
    expect(sent.filter((text) => text.startsWith('begin i') || text.startsWith('set'))).toEqual([
      'begin isolation level repeatable read read only',
      'set local statement_timeout = 250',
      'set local statement_timeout = 1',
      'set local statement_timeout = 1',
      'set local statement_timeout = 3000',
    ]);
  });
});

describe('within', () => {
  test('sends a query with a limit of its own when that is shorter than the limit of the role', async () => {
    const { db, sent } = setUp();
    await db.within(500).query('select 1');
    expect(sent).toEqual(['begin', 'set local statement_timeout = 500', 'select 1', 'commit']);
  });

  test('sends the query alone otherwise', async () => {
    const { db, sent } = setUp();
    await db.within(3000).query('select 1');
    expect(sent).toEqual(['select 1']);
  });
});

test('a database that cannot be reached is unavailable, for a query and for a transaction', async () => {
  const cause = lost();
  const { db, pool } = setUp(() => cause);
  await expect(db.query('select 1')).rejects.toMatchObject({ ...UNAVAILABLE, cause });
  pool.connect = () => Promise.reject(cause);
  await expect(db.transaction(async () => {})).rejects.toMatchObject({ ...UNAVAILABLE, cause });
});

test('any other error is thrown as it is', async () => {
  const error = Object.assign(new Error('duplicate'), { code: '23505' });
  const { db } = setUp(() => error);
  await expect(db.query('insert')).rejects.toBe(error);
});

test('disposing ends the pool', async () => {
  const { db, sent } = setUp();
  await db[Symbol.asyncDispose]();
  expect(sent).toEqual(['(end)']);
});
