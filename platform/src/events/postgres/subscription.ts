import { type EveryDeps, startEvery } from '../../concurrency/index.ts';
import type { Db } from '../../postgres/index.ts';
import { callHandler } from '../delivery.ts';
import { DEFAULT_MAX_BATCH_EVENTS, retryPauseMs } from '../limits.ts';
import type { LoggedEvent, SubscribeOptions, Subscription } from '../port.ts';
import { type IFetchRecordsResult, commitOffset, fetchRecords } from './gen/group.queries.ts';
import { type GroupMember, type LeasedPartition, type Leases, createLeases } from './leases.ts';

export interface PostgresSubscriptionDeps extends EveryDeps {
  readonly db: Db;
}

export interface PostgresLimits {
  /** Duration of a lease on a partition. When a member dies, others take its partitions over after this time. */
  readonly leaseMs: number;
  /** Interval between two heartbeats. Each of them renews the leases and rebalances the partitions. */
  readonly heartbeatMs: number;
  /** Interval between two queries for events that other processes have published. */
  readonly pollIntervalMs: number;
  /** Time that running handlers get to finish when the subscription is closed. After it, their signals abort. */
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

/**
 * Starts a member of a consumer group. One loop renews its leases. Another one fetches events of the leased partitions
 * and calls the handler, with at most one call at a time for each partition. Each call that succeeds commits its
 * offset.
 *
 * A member that was paused for longer than its lease cannot do harm: it drops old leases before it reads, and the
 * database refuses its commits, whose fencing tokens are old.
 */
export function startPostgresSubscription(
  deps: PostgresSubscriptionDeps,
  limits: PostgresLimits,
  memberId: string,
  options: SubscribeOptions,
): PostgresSubscription {
  const { clock, onError } = deps;
  const member: GroupMember = { group: options.group, topic: options.topic, member: memberId };
  const leases = createLeases(deps, member, limits.leaseMs);
  const running = new Set<Promise<void>>();

  const reading = startEvery(deps, { intervalMs: limits.pollIntervalMs }, async () => {
    leases.forgetOld();
    for (const [leased, events] of await fetchEvents(deps, options, leases)) {
      const handled = handle(deps, member, options, leases, leased, events).finally(() => {
        running.delete(handled);
        reading.wake();
      });
      running.add(handled);
    }
  });
  const beating = startEvery(deps, { intervalMs: limits.heartbeatMs }, async () => {
    await leases.renew();
    reading.wake();
  });

  return {
    get partitions() {
      return [...leases.current.keys()].toSorted((a, b) => a - b);
    },
    wake: () => reading.wake(),
    async [Symbol.asyncDispose]() {
      await beating[Symbol.asyncDispose]();
      await reading[Symbol.asyncDispose]();
      const cancelAbort = clock.schedule(limits.closeLimitMs, () => {
        for (const { revoked } of leases.current.values()) revoked.abort();
      });
      await Promise.all(running);
      cancelAbort();
      // When this fails, other members take the partitions over once the leases have expired.
      await leases.leave().catch(onError);
    },
  };
}

/** Fetches the next events of each leased partition that is neither busy nor in the pause after a failure. */
async function fetchEvents(
  { db, clock }: PostgresSubscriptionDeps,
  { topic, maxBatchEvents = DEFAULT_MAX_BATCH_EVENTS }: SubscribeOptions,
  leases: Leases,
): Promise<[LeasedPartition, readonly LoggedEvent[]][]> {
  const nowMs = clock.nowMs();
  const readable = [...leases.current.values()].filter(({ isBusy, retryAtMs }) => !isBusy && retryAtMs <= nowMs);
  if (readable.length === 0) return [];
  const rows = await fetchRecords.run(
    {
      topic,
      partitions: readable.map(({ partition }) => partition),
      offsets: readable.map(({ nextOffset }) => nextOffset),
      limit: maxBatchEvents,
    },
    db,
  );
  const byPartition = Map.groupBy(rows, ({ partition }) => partition);
  return readable.flatMap((leased) => {
    const fetched = byPartition.get(leased.partition);
    // The lease may have been lost while the events were fetched.
    if (fetched === undefined || leases.current.get(leased.partition) !== leased) return [];
    return [[leased, fetched.map((row) => toEvent(topic, row))]];
  });
}

async function handle(
  { db, clock, random, onError }: PostgresSubscriptionDeps,
  member: GroupMember,
  options: SubscribeOptions,
  leases: Leases,
  leased: LeasedPartition,
  events: readonly LoggedEvent[],
): Promise<void> {
  const { partition, token, revoked } = leased;
  leased.isBusy = true;
  try {
    await callHandler(clock, options, events, revoked.signal);
    const nextOffset = (events.at(-1)?.offset ?? -1n) + 1n;
    const { rowCount } = await commitOffset.runWithCounts({ ...member, partition, token, nextOffset }, db);
    if (rowCount === 0) leases.forget(leased);
    leased.nextOffset = nextOffset;
    leased.failures = 0;
  } catch (error) {
    // A handler that stops because its lease was lost has not failed.
    if (!revoked.signal.aborted) onError(error);
    leased.failures += 1;
    leased.retryAtMs = clock.nowMs() + retryPauseMs(leased.failures, random);
  } finally {
    leased.isBusy = false;
  }
}

function toEvent(topic: string, { key, partition, offset, value, headers }: IFetchRecordsResult): LoggedEvent {
  return { topic, key, partition, offset, value, headers: headers as Record<string, string> };
}
