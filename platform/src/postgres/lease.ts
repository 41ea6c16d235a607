import type { Queryable } from './pool.ts';

/**
 * A lease in a table `leases(name, holder, expires_at)`, with one holder at a time by the clock of the database.
 *
 * A lease only avoids double work. A holder that was suspended may continue next to its successor, so the work that the
 * lease guards must be correct with two holders.
 */
export interface Lease {
  /** Takes or extends the lease. Resolves with false when another instance holds it. */
  hold(): Promise<boolean>;
  /** Gives the lease up, so that a successor need not wait until it expires. */
  release(): Promise<void>;
}

/** Creates a lease. `holder` is a UUID of this instance. Others can take it `durationMs` after the last `hold`. */
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
