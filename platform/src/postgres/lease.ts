import type { Queryable } from './pool.ts';

/**
 * A lease: one holder at a time, by the database's clock, in a table `leases(name, holder, expires_at)`.
 *
 * It says who should work, never who may: a holder that was paused can wake up beside its successor, so what it guards
 * must be correct with two.
 */
export interface Lease {
  /** Takes the lease, or extends it. False: another instance holds it. */
  hold(): Promise<boolean>;
  /** Gives it up at once, so that a successor need not wait for its end. */
  release(): Promise<void>;
}

/** `holder` is a UUID of this instance; `durationMs` is how long others wait after the holder's death. */
export function createLease(db: Queryable, name: string, holder: string, durationMs: number): Lease {
  return {
    async hold() {
      const { rowCount } = await db.query(
        `insert into leases as held (name, holder, expires_at)
         values ($1, $2, clock_timestamp() + $3::int * interval '1 ms')
         on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at
          where held.holder = excluded.holder or held.expires_at < clock_timestamp()`,
        [name, holder, durationMs],
      );
      return rowCount === 1;
    },
    async release() {
      await db.query('delete from leases where name = $1 and holder = $2', [name, holder]);
    },
  };
}
