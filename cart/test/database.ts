import { type Db, openDb } from '@tally/platform/postgres';
import { openTestDatabase } from '@tally/platform/testing';
import pg from 'pg';

/** A database of cart for one test file, with ways to read and change it directly. */
export interface CartDatabase extends AsyncDisposable {
  readonly url: string;
  readonly db: Db;
  /** Moves tally_now(). */
  advance(ms: number): Promise<void>;
  /** Ends the claim on every open checkout. */
  endClaims(): Promise<void>;
  /**
   * Makes sure that the user has a cart, and opens a connection that has begun a transaction. It stands for a client
   * that locks rows and is then paused.
   */
  openHolder(userId: bigint): Promise<pg.Client>;
  /** Returns the checkouts of a user, the oldest first. */
  checkoutsOf(userId: bigint): Promise<{ id: string; state: string; order_id: bigint | null }[]>;
}

export async function openCartDatabase(): Promise<CartDatabase> {
  const database = await openTestDatabase('cart');
  const db = openDb({ url: database.url, applicationName: 'test', maxConnections: 4 });
  return {
    url: database.url,
    db,
    async advance(ms) {
      await db.query(`update tally_clock set shift = shift + $1::int * interval '1 ms'`, [ms]);
    },
    async endClaims() {
      await db.query(`update checkouts set claimed_until = '-infinity' where state = 'open'`);
    },
    async openHolder(userId) {
      const holder = new pg.Client({ connectionString: database.url });
      holder.on('error', () => {});
      await holder.connect();
      await holder.query('insert into carts values ($1) on conflict do nothing', [userId]);
      await holder.query('begin');
      return holder;
    },
    async checkoutsOf(userId) {
      const { rows } = await db.query(
        'select id, state, order_id from checkouts where user_id = $1 order by frozen_at',
        [userId],
      );
      return rows;
    },
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
