import { startAge, startEvery } from '../concurrency/index.ts';
import {
  type IFetchRecordsResult,
  beat,
  commitOffset,
  fairShare,
  fetchRecords,
  forgetDeadMembers,
  givePartitions,
  joinPartitions,
  leave,
  renewPartitions,
  takePartitions,
} from './gen/group.queries.ts';
import { handOver } from './handling.ts';
import type { PostgresLogDeps } from './log-postgres.ts';
import { DEFAULT_MAX_BATCH_EVENTS, type LoggedEvent, type SubscribeOptions, type Subscription } from './port.ts';

export interface MemberLimits {
  /** How long a dead member's partitions wait for another one. */
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** How often it looks for events that another process published. */
  readonly pollIntervalMs: number;
  /** How long a closing member waits for its handlers. */
  readonly closeMs: number;
}

export interface Member extends Subscription {
  wake(): void;
}

/** A partition as its holder sees it. */
interface Held {
  readonly partition: number;
  /** Fences the commit. */
  readonly token: bigint;
  /** How long ago its lease was last asked for. */
  leaseAge: () => number;
  nextOffset: bigint;
  isBusy: boolean;
  failures: number;
  retryAtMs: number;
  readonly losing: AbortController;
}

const MAX_RETRY_PAUSE_MS = 5_000;
const FIRST_RETRY_PAUSE_MS = 100;
// Of the lease: what is kept back for a slow clock and a slow handler.
const LEASE_MARGIN = 0.2;

/** One member of a group: a heartbeat that shares the partitions out, and a loop that reads those it holds. */
export function startMember(
  deps: PostgresLogDeps,
  limits: MemberLimits,
  member: string,
  options: SubscribeOptions,
): Member {
  const { topic, group, maxBatchEvents = DEFAULT_MAX_BATCH_EVENTS } = options;
  const { db, clock, onError } = deps;
  const held = new Map<number, Held>();
  const running = new Set<Promise<void>>();
  const who = { group, topic, member };
  let share = 0;

  function drop(partition: Held): void {
    partition.losing.abort();
    if (held.get(partition.partition) === partition) held.delete(partition.partition);
  }

  async function coordinate(): Promise<void> {
    const leaseAge = startAge(clock);
    const lease = { ...who, leaseMs: limits.leaseMs };
    const mine = await db.transaction(async (tx) => {
      const [, , , [shared], renewed] = await Promise.all([
        beat.run(who, tx),
        forgetDeadMembers.run(lease, tx),
        joinPartitions.run(who, tx),
        fairShare.run(who, tx),
        renewPartitions.run(lease, tx),
      ]);
      share = shared?.share ?? 0;
      const missing = share - renewed.length;
      const taken = missing > 0 ? await takePartitions.run({ ...lease, missing }, tx) : [];
      return [...renewed, ...taken];
    });
    const tokens = new Map(mine.map(({ partition, token }) => [partition, token]));
    for (const partition of held.values()) {
      if (tokens.get(partition.partition) === partition.token) partition.leaseAge = leaseAge;
      else drop(partition);
    }
    for (const { partition, token, next_offset: nextOffset } of mine) {
      if (held.has(partition)) continue;
      const fresh = { isBusy: false, failures: 0, retryAtMs: 0, losing: new AbortController() };
      held.set(partition, { partition, token, leaseAge, nextOffset, ...fresh });
    }
    await giveBack();
    reading.wake();
  }

  /** Above the fair share, between handlers. */
  async function giveBack(): Promise<void> {
    const idle = [...held.values()].filter(({ isBusy }) => !isBusy);
    const extra = idle.slice(0, Math.max(0, held.size - share));
    if (extra.length === 0) return;
    for (const partition of extra) drop(partition);
    await givePartitions.run({ ...who, partitions: extra.map(({ partition }) => partition) }, db);
  }

  async function read(): Promise<void> {
    const nowMs = clock.nowMs();
    const maxAgeMs = limits.leaseMs * (1 - LEASE_MARGIN);
    for (const partition of held.values()) if (partition.leaseAge() >= maxAgeMs) drop(partition);
    const readable = [...held.values()].filter(({ isBusy, retryAtMs }) => !isBusy && retryAtMs <= nowMs);
    if (readable.length === 0) return;
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
    for (const partition of readable) {
      const events = byPartition.get(partition.partition);
      // Its lease may have ended while the records were on their way.
      if (events === undefined || held.get(partition.partition) !== partition) continue;
      const done = handle(
        partition,
        events.map((row) => toEvent(topic, row)),
      ).finally(() => running.delete(done));
      running.add(done);
    }
  }

  async function handle(partition: Held, events: readonly LoggedEvent[]): Promise<void> {
    partition.isBusy = true;
    try {
      await handOver(clock, options, events, partition.losing.signal);
      const nextOffset = (events.at(-1)?.offset ?? -1n) + 1n;
      const { rowCount } = await commitOffset.runWithCounts(
        { ...who, partition: partition.partition, token: partition.token, nextOffset },
        db,
      );
      if (rowCount === 0) drop(partition);
      partition.nextOffset = nextOffset;
      partition.failures = 0;
    } catch (error) {
      if (!partition.losing.signal.aborted) onError(error);
      partition.failures += 1;
      const pauseMs = Math.min(MAX_RETRY_PAUSE_MS, FIRST_RETRY_PAUSE_MS * 2 ** Math.min(10, partition.failures - 1));
      partition.retryAtMs = clock.nowMs() + pauseMs * (0.5 + deps.random() / 2);
    } finally {
      partition.isBusy = false;
      reading.wake();
    }
  }

  const reading = startEvery(deps, { intervalMs: limits.pollIntervalMs }, read);
  const coordinating = startEvery(deps, { intervalMs: limits.heartbeatMs }, coordinate);

  return {
    get partitions() {
      return [...held.keys()].toSorted((a, b) => a - b);
    },
    wake: () => reading.wake(),
    async [Symbol.asyncDispose]() {
      await coordinating[Symbol.asyncDispose]();
      await reading[Symbol.asyncDispose]();
      const cancel = clock.schedule(limits.closeMs, () => {
        for (const { losing } of held.values()) losing.abort();
      });
      await Promise.all(running);
      cancel();
      const partitions = [...held.keys()];
      held.clear();
      // Without these the others wait for the lease's end, no more.
      await Promise.all([givePartitions.run({ ...who, partitions }, db), leave.run(who, db)]).catch(onError);
    },
  };
}

function toEvent(topic: string, row: IFetchRecordsResult): LoggedEvent {
  const { key, partition, offset, value, headers } = row;
  return { topic, key, partition, offset, value, headers: headers as Record<string, string> };
}
