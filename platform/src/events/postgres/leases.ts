import { type Clock, startAge } from '../../concurrency/index.ts';
import type { Db } from '../../postgres/index.ts';
import {
  deleteDeadMembers,
  deleteMember,
  countFairShare,
  joinPartitions,
  recordHeartbeat,
  releasePartitions,
  renewPartitions,
  takePartitions,
} from './gen/group.queries.ts';

/** One member of a consumer group, as the database knows it. */
export interface GroupMember {
  readonly group: string;
  readonly topic: string;
  /** Id of the member, a UUID. */
  readonly member: string;
}

/** A partition while this member has a lease on it. */
export interface LeasedPartition {
  readonly partition: number;
  /** Fencing token. A commit with it changes nothing once another member has taken the partition. */
  readonly token: bigint;
  /** Returns the milliseconds since the last successful renewal was sent to the database. */
  leaseAge: () => number;
  /** The offset to fetch next. */
  nextOffset: bigint;
  /** Whether a handler is running. */
  isBusy: boolean;
  /** Number of failed calls of the handler in a row. */
  failures: number;
  /**
   * The earliest moment for the next call, in milliseconds since the epoch. It is in the future after a failed call.
   */
  retryAtMs: number;
  /** Aborts when the lease is lost. */
  readonly revoked: AbortController;
}

/** The partitions on which this member has a lease. */
export interface Leases {
  readonly current: ReadonlyMap<number, LeasedPartition>;
  /**
   * Renews the leases, takes free partitions up to the fair share of one member, and releases idle ones above it. It
   * also counts as the member's heartbeat.
   */
  renew(): Promise<void>;
  /** Forgets the leases that are too old to be used. */
  forgetOld(): void;
  /** Stops using a lease. Its handler's signal aborts. */
  forget(leased: LeasedPartition): void;
  /** Gives all leases back and leaves the group. */
  leave(): Promise<void>;
}

// A member uses a lease for this share of its duration. The rest is a margin for a slow clock, and for a handler that
// does not stop at once when its signal aborts.
const USABLE_SHARE = 0.8;

/** Creates the leases of a member, which has none until the first renewal. */
export function createLeases(
  { db, clock }: { readonly db: Db; readonly clock: Clock },
  member: GroupMember,
  leaseMs: number,
): Leases {
  const current = new Map<number, LeasedPartition>();

  function forget(leased: LeasedPartition): void {
    leased.revoked.abort();
    if (current.get(leased.partition) === leased) current.delete(leased.partition);
  }

  /** Releases idle partitions above the fair share. One with a running handler is kept until a later renewal. */
  async function releaseExcess(fairShare: number): Promise<void> {
    const idle = [...current.values()].filter(({ isBusy }) => !isBusy);
    const excess = idle.slice(0, Math.max(0, current.size - fairShare));
    if (excess.length === 0) return;
    for (const leased of excess) forget(leased);
    await releasePartitions.run({ ...member, partitions: excess.map(({ partition }) => partition) }, db);
  }

  return {
    current,
    async renew() {
      const leaseAge = startAge(clock);
      const { fairShare, rows } = await renewInDatabase(db, member, leaseMs);
      const tokens = new Map(rows.map(({ partition, token }) => [partition, token]));
      for (const leased of current.values()) {
        if (tokens.get(leased.partition) === leased.token) leased.leaseAge = leaseAge;
        else forget(leased);
      }
      for (const row of rows) {
        if (!current.has(row.partition)) current.set(row.partition, toLeasedPartition(row, leaseAge));
      }
      await releaseExcess(fairShare);
    },
    forgetOld() {
      for (const leased of current.values()) if (leased.leaseAge() >= leaseMs * USABLE_SHARE) forget(leased);
    },
    forget,
    async leave() {
      const partitions = [...current.keys()];
      current.clear();
      await Promise.all([releasePartitions.run({ ...member, partitions }, db), deleteMember.run(member, db)]);
    },
  };
}

interface LeaseRow {
  readonly partition: number;
  readonly token: bigint;
  readonly next_offset: bigint;
}

async function renewInDatabase(
  db: Db,
  member: GroupMember,
  leaseMs: number,
): Promise<{ readonly fairShare: number; readonly rows: readonly LeaseRow[] }> {
  const lease = { ...member, leaseMs };
  return await db.transaction(async (tx) => {
    // One connection runs these in order. Sending them together saves four round trips.
    const [, , , [counted], renewed] = await Promise.all([
      recordHeartbeat.run(member, tx),
      deleteDeadMembers.run(lease, tx),
      joinPartitions.run(member, tx),
      countFairShare.run(member, tx),
      renewPartitions.run(lease, tx),
    ]);
    const fairShare = counted?.share ?? 0;
    const missing = fairShare - renewed.length;
    const taken = missing > 0 ? await takePartitions.run({ ...lease, missing }, tx) : [];
    return { fairShare, rows: [...renewed, ...taken] };
  });
}

function toLeasedPartition({ partition, token, next_offset }: LeaseRow, leaseAge: () => number): LeasedPartition {
  const idle = { isBusy: false, failures: 0, retryAtMs: 0, revoked: new AbortController() };
  return { partition, token, leaseAge, nextOffset: next_offset, ...idle };
}
