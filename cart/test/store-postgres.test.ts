import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { systemClock } from '@tally/platform/concurrency';

import { line, newId } from '../src/testing/fixtures.ts';
import { pressCheckout } from '../src/carts/intent.ts';
import type { Store } from '../src/store/store.ts';
import { createPostgresStore } from '../src/store/store-postgres.ts';
import { type CartDatabase, openCartDatabase } from './database.ts';
import { storeContract } from '../src/testing/store-contract.ts';

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

const OPTIONS = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
const USER = 9_000_001n;

/** Puts one line into the cart of a user and freezes it. Returns the id of the open checkout. */
async function freeze(userId: bigint): Promise<string> {
  await store.update(userId, {}, () => ({ changes: { addedLine: line(1, 2) }, answer: undefined }), OPTIONS);
  const press = { key: undefined, newCheckoutId: newId(), claimMs: 60_000 };
  await store.update(userId, {}, (cart) => pressCheckout(cart, press), OPTIONS);
  return press.newCheckoutId;
}

test('a closing is rolled back when somebody closed the checkout without locking its cart', async () => {
  const checkoutId = await freeze(USER);
  const closed = store.update(
    USER,
    { checkoutId },
    ({ checkoutById, lines, moment }) => {
      if (checkoutById === undefined) throw new Error('the checkout is missing');
      // An id that is not open has the effect of a checkout that was closed between the read and the write.
      const other = { ...checkoutById, id: newId(), state: 'done', orderId: 5n, closedAt: moment } as const;
      return { changes: { closed: other, removedLineIds: lines.map(({ id }) => id) }, answer: undefined };
    },
    OPTIONS,
  );
  expect(await closed.catch((error: Error) => error.message)).toContain('did not lock its cart');
  expect(await store.findLines(USER, 1000)).toHaveLength(1);
});

test('the database allows one open checkout for each user', async () => {
  const insert = () =>
    database.db.query(
      `insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)
       values ($1, $2, 'open', now(), now(), now())`,
      [newId(), USER],
    );
  expect(await insert().catch((error: { code: string }) => error.code)).toBe('23505');
});

describe('a row that another client has locked is skipped without waiting', () => {
  const [locked, free] = [USER + 1n, USER + 2n];

  /** Runs `work` while another client holds the lock of this row. */
  async function whileLocked<T>(row: string, work: () => Promise<T>): Promise<T> {
    const holder = await database.openHolder(USER);
    try {
      await holder.query(`select from ${row} for update`);
      return await work();
    } finally {
      await holder.query('rollback');
      await holder.end();
    }
  }

  test('an open checkout that is being claimed', async () => {
    for (const user of [locked, free]) await freeze(user);
    await database.endClaims();
    const claimed = await whileLocked(`checkouts where user_id = ${locked}`, () => store.claimOpen(100, 60_000));
    const users = claimed.map(({ checkout }) => checkout.userId);
    expect(users).toContain(free);
    expect(users).not.toContain(locked);
  });

  for (const table of ['add_keys', 'checkout_keys']) {
    test(`an old key in ${table}`, async () => {
      const [checkout] = await database.checkoutsOf(free);
      for (const user of [locked, free]) {
        await database.db.query(
          table === 'add_keys'
            ? `insert into add_keys values ($1, 'k', $2, '-infinity')`
            : `insert into checkout_keys values ($1, 'k', $2, '-infinity')`,
          [user, table === 'add_keys' ? Buffer.from('h') : checkout?.id],
        );
      }
      await whileLocked(`${table} where user_id = ${locked}`, () => store.deleteOldKeys(86_400_000, 100));
      const { rows } = await database.db.query(`select user_id from ${table} where key = 'k' and user_id = any($1)`, [
        [locked, free],
      ]);
      expect(rows).toEqual([{ user_id: locked }]);
    });
  }
});

test('no transaction begins after the deadline', async () => {
  const late = store.update(USER, {}, () => ({ changes: {}, answer: 1 }), { ...OPTIONS, deadlineMs: Date.now() });
  expect(await late.catch((error: { kind: string }) => error.kind)).toBe('deadline-exceeded');
});
