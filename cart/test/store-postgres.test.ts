import { afterAll, beforeAll, expect, test } from 'bun:test';

import { systemClock } from '@tally/platform/concurrency';

import { line, newId } from '../src/fixtures.ts';
import { press } from '../src/intent.ts';
import type { Store } from '../src/store.ts';
import { createPostgresStore } from '../src/store-postgres.ts';
import { type CartDatabase, openCartDatabase } from './database.ts';
import { storeContract } from './store-contract.ts';

let database: CartDatabase;
let store: Store;

beforeAll(async () => {
  database = await openCartDatabase();
  store = createPostgresStore({ db: database.db, clock: systemClock, random: Math.random });
});
afterAll(() => database[Symbol.asyncDispose]());

storeContract('PostgreSQL', async () => ({
  store,
  advance: (ms) => database.advance(ms),
  pass: (ms) => Bun.sleep(ms),
}));

const limits = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
const USER = 9_000_001n;

test('a checkout that was closed past the lock of its cart takes nothing out of the cart', async () => {
  await store.update(USER, {}, () => ({ changes: { addedLine: line(1, 2) }, answer: undefined }), limits);
  const pressed = { key: undefined, newId: newId(), claimMs: 60_000 };
  await store.update(USER, {}, (cart) => press(cart, pressed), limits);
  const closed = store.update(
    USER,
    { checkoutId: pressed.newId },
    ({ named, lines, moment }) => {
      if (named === undefined) throw new Error('it was frozen');
      // As if somebody closed it between the look and the write.
      const other = { ...named, id: newId(), state: 'done', orderId: 5n, closedAt: moment } as const;
      return { changes: { closed: other, removedLineIds: lines.map(({ id }) => id) }, answer: undefined };
    },
    limits,
  );
  expect(await closed.catch((error: Error) => error.message)).toContain('did not lock its cart');
  expect(await store.findLines(USER, 1000)).toHaveLength(1);
});

test('a user has at most one open checkout, whoever writes', async () => {
  const insert = () =>
    database.db.query(
      `insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)
       values ($1, $2, 'open', now(), now(), now())`,
      [newId(), USER],
    );
  expect(await insert().catch((error: { code: string }) => error.code)).toBe('23505');
});

test('nothing is begun past the deadline', async () => {
  const late = store.update(USER, {}, () => ({ changes: {}, answer: 1 }), { ...limits, deadlineMs: Date.now() });
  expect(await late.catch((error: { kind: string }) => error.kind)).toBe('deadline-exceeded');
});
