import { type EveryDeps, startAge, startEvery } from '../../concurrency/index.ts';
import type { Db } from '../../postgres/index.ts';
import { callHandler } from '../delivery.ts';
import { DEFAULT_MAX_BATCH_EVENTS, retryPauseMs } from '../limits.ts';
import type { LoggedEvent, SubscribeOptions, Subscription } from '../port.ts';
import {
  type IFetchRecordsResult,
  commitOffset,
  deleteDeadMembers,
  deleteMember,
  fairCount,
  fetchRecords,
  joinPartitions,
  recordHeartbeat,
  releasePartitions,
  renewPartitions,
  takePartitions,
} from './gen/group.queries.ts';

export interface PostgresSubscriptionDeps extends EveryDeps {
  readonly db: Db;
}

export interface PostgresLimits {
  /** Duration of a lease on a partition, and with it the wait until the partitions of a dead member are taken over. */
  readonly leaseMs: number;
  /** Interval between two heartbeats. Each one renews the leases and rebalances the partitions. */
  readonly heartbeatMs: number;
  /** Interval between two looks for events that other processes published. */
  readonly pollIntervalMs: number;
  /** Time that running handlers get to finish when the subscription is closed. Then their signals abort. */
  readonly closeLimitMs: number;
}

export const POSTGRES_LIMITS: PostgresLimits = {
  leaseMs: 6_000,
  heartbeatMs: 1_000,
  pollIntervalMs: 100,
  closeLimitMs: 10_000,
};

export interface PostgresSubscription extends Subscription {
  /** Looks for new events now. */
  wake(): void;
}

/** A partition while this member has a lease on it. */
interface LeasedPartition {
  readonly partition: number;
  /** Fencing token. A commit with it fails once another member has taken the partition. */
  readonly token: bigint;
  /** Age of the lease, counted from before its last renewal. */
  leaseAge: () => number;
  nextOffset: bigint;
  isBusy: boolean;
  /** Number of failed calls of the handler in a row. */
  failures: number;
  retryAtMs: number;
  /** Aborts when the lease is lost. */
  readonly revoked: AbortController;
}

// A member stops using a lease after this part of its duration. The rest allows for a slow clock and a slow handler.
const USABLE_LEASE = 0.8;

/**
 * Starts a member of a consumer group. A heartbeat loop leases a fair number of partitions, and a read loop fetches from
 * them and calls the handler, once at a time for each partition.
 */
export function startPostgresSubscription(
  deps: PostgresSubscriptionDeps,
  limits: PostgresLimits,
  memberId: string,
  options: SubscribeOptions,
): PostgresSubscription {
  const { topic, group } = options;
  const { db, clock, onError } = deps;
  const member = { group, topic, member: memberId };
  const leased = new Map<number, LeasedPartition>();
  const running = new Set<Promise<void>>();

  function forget(partition: LeasedPartition): void {
    partition.revoked.abort();
    if (leased.get(partition.partition) === partition) leased.delete(partition.partition);
  }

  async function beat(): Promise<void> {
    const leaseAge = startAge(clock);
    const { fair, leases } = await renewLeases(db, member, limits.leaseMs);
    const tokens = new Map(leases.map(({ partition, token }) => [partition, token]));
    for (const partition of leased.values()) {
      if (tokens.get(partition.partition) === partition.token) partition.leaseAge = leaseAge;
      else forget(partition);
    }
    for (const lease of leases) {
      if (!leased.has(lease.partition)) leased.set(lease.partition, toLeasedPartition(lease, leaseAge));
    }
    await releaseExcess(fair);
    reading.wake();
  }

  /** Releases partitions above the fair number. One with a running handler is released at a later heartbeat. */
  async function releaseExcess(fair: number): Promise<void> {
    const idle = [...leased.values()].filter(({ isBusy }) => !isBusy);
    const excess = idle.slice(0, Math.max(0, leased.size - fair));
    if (excess.length === 0) return;
    for (const partition of excess) forget(partition);
    await releasePartitions.run({ ...member, partitions: excess.map(({ partition }) => partition) }, db);
  }

  async function read(): Promise<void> {
    for (const partition of leased.values()) {
      if (partition.leaseAge() >= limits.leaseMs * USABLE_LEASE) forget(partition);
    }
    const nowMs = clock.nowMs();
    const readable = [...leased.values()].filter(({ isBusy, retryAtMs }) => !isBusy && retryAtMs <= nowMs);
    if (readable.length === 0) return;
    const rows = await fetchRecords.run(
      {
        topic,
        partitions: readable.map(({ partition }) => partition),
        offsets: readable.map(({ nextOffset }) => nextOffset),
        limit: options.maxBatchEvents ?? DEFAULT_MAX_BATCH_EVENTS,
      },
      db,
    );
    const byPartition = Map.groupBy(rows, (row) => row.partition);
    for (const partition of readable) {
      const events = byPartition.get(partition.partition)?.map((row) => toEvent(topic, row));
      // The lease may have been lost while the records were fetched.
      if (events === undefined || leased.get(partition.partition) !== partition) continue;
      const handled = handle(partition, events).finally(() => running.delete(handled));
      running.add(handled);
    }
  }

  async function handle(leasedPartition: LeasedPartition, events: readonly LoggedEvent[]): Promise<void> {
    const { partition, token, revoked } = leasedPartition;
    leasedPartition.isBusy = true;
    try {
      await callHandler(clock, options, events, revoked.signal);
      const nextOffset = (events.at(-1)?.offset ?? -1n) + 1n;
      const { rowCount } = await commitOffset.runWithCounts({ ...member, partition, token, nextOffset }, db);
      if (rowCount === 0) forget(leasedPartition);
      leasedPartition.nextOffset = nextOffset;
      leasedPartition.failures = 0;
    } catch (error) {
      // A handler that stops because its lease was lost has not failed.
      if (!revoked.signal.aborted) onError(error);
      leasedPartition.failures += 1;
      leasedPartition.retryAtMs = clock.nowMs() + retryPauseMs(leasedPartition.failures, deps.random);
    } finally {
      leasedPartition.isBusy = false;
      reading.wake();
    }
  }

  const reading = startEvery(deps, { intervalMs: limits.pollIntervalMs }, read);
  const beating = startEvery(deps, { intervalMs: limits.heartbeatMs }, beat);

  return {
    get partitions() {
      return [...leased.keys()].toSorted((a, b) => a - b);
    },
    wake: () => reading.wake(),
    async [Symbol.asyncDispose]() {
      await beating[Symbol.asyncDispose]();
      await reading[Symbol.asyncDispose]();
      const cancelAbort = clock.schedule(limits.closeLimitMs, () => {
        for (const { revoked } of leased.values()) revoked.abort();
      });
      await Promise.all(running);
      cancelAbort();
      const partitions = [...leased.keys()];
      leased.clear();
      // When this fails, other members take the partitions over after their leases.
      await Promise.all([releasePartitions.run({ ...member, partitions }, db), deleteMember.run(member, db)]).catch(
        onError,
      );
    },
  };
}

interface GroupMember {
  readonly group: string;
  readonly topic: string;
  readonly member: string;
}

interface Lease {
  readonly partition: number;
  readonly token: bigint;
  readonly next_offset: bigint;
}

/** Records a heartbeat, renews the member's leases, and takes free partitions up to the fair number for one member. */
async function renewLeases(
  db: Db,
  member: GroupMember,
  leaseMs: number,
): Promise<{ readonly fair: number; readonly leases: readonly Lease[] }> {
  const leaseOptions = { ...member, leaseMs };
  return await db.transaction(async (tx) => {
    // The statements run in this order, sent in one round trip.
    const [, , , [counted], renewed] = await Promise.all([
      recordHeartbeat.run(member, tx),
      deleteDeadMembers.run(leaseOptions, tx),
      joinPartitions.run(member, tx),
      fairCount.run(member, tx),
      renewPartitions.run(leaseOptions, tx),
    ]);
    const fair = counted?.fair ?? 0;
    const missing = fair - renewed.length;
    const taken = missing > 0 ? await takePartitions.run({ ...leaseOptions, missing }, tx) : [];
    return { fair, leases: [...renewed, ...taken] };
  });
}

function toLeasedPartition({ partition, token, next_offset }: Lease, leaseAge: () => number): LeasedPartition {
  const idle = { isBusy: false, failures: 0, retryAtMs: 0, revoked: new AbortController() };
  return { partition, token, leaseAge, nextOffset: next_offset, ...idle };
}

function toEvent(topic: string, { key, partition, offset, value, headers }: IFetchRecordsResult): LoggedEvent {
  return { topic, key, partition, offset, value, headers: headers as Record<string, string> };
}
