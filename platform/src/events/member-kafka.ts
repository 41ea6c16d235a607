import { type EveryDeps, type Loop, sleep, startAge, startEvery } from '../concurrency/index.ts';
import { type KafkaPlace, toUnavailable, within } from './client-kafka.ts';
import { type Fetching, startFetching } from './fetching-kafka.ts';
import { type Holding, createHolding } from './holding-kafka.ts';
import { type Membership, type MembershipLimits, openMembership } from './membership-kafka.ts';
import type { SubscribeOptions, Subscription } from './port.ts';
import { createStuckWatch } from './stuck-kafka.ts';

export interface KafkaMemberLimits extends MembershipLimits {
  /** Pause between two commits. */
  readonly commitIntervalMs: number;
  /** Pause between two looks at what the group has committed and what the log holds. */
  readonly checkIntervalMs: number;
  /** How long handlers may go on when the group shares its partitions out anew. */
  readonly handoverMs: number;
  /** How long a closing member waits for its handlers. */
  readonly closeMs: number;
  /** Then so long for the group's goodbye. */
  readonly leaveLimitMs: number;
  /** How long an old place may take to be given up before another one is asked for. */
  readonly replaceLimitMs: number;
}

export interface KafkaMemberDeps extends EveryDeps {
  readonly place: KafkaPlace;
  /** Names this process in its groups: unique, and the same after a restart. */
  readonly instance: string;
  /** An old place in a group could not be given up: only the end of the process ends it. */
  readonly onGiveUp: (error: Error) => void;
}

export const KAFKA_MEMBER_LIMITS: KafkaMemberLimits = {
  sessionMs: 6_000,
  heartbeatMs: 1_000,
  maxHeartbeatAgeMs: 5_000,
  answerLimitMs: 3_000,
  commitIntervalMs: 200,
  checkIntervalMs: 3_000,
  handoverMs: 2_500,
  closeMs: 10_000,
  leaveLimitMs: 3_000,
  // Longer than a request may take: a group writes the goodbye to all its replicas, also while one of them has just died.
  replaceLimitMs: 15_000,
};

const FIRST_LIFE_PAUSE_MS = 200;
const MAX_LIFE_PAUSE_MS = 2_000;
const LONG_LIFE_MS = 30_000;
const LAST_COMMIT_LIMIT_MS = 1_000;

/** One life of a member: from its joining to the first doubt about it. */
interface Life {
  readonly partitions: readonly number[];
  /** Resolves with the doubt that ended it. */
  readonly ended: Promise<unknown>;
  /** Reads no more; waits so long for the handlers at work, and keeps what they did. */
  release(handlersLimitMs: number): Promise<void>;
  /** Gives up the place in the group. False when that did not succeed in time. */
  leave(limitMs: number): Promise<boolean>;
}

/**
 * One member of a Kafka consumer group, as a chain of lives.
 *
 *     join ── shared out ──► fetch ──► wait ──► handler ──► commit      membership: the place in the group
 *              ▲   │          ▲         │                     │        fetching: asks each leader, one request at a time
 *              │   ▼          └─ room ──┘                     │        holding: what was fetched, the handlers at work
 *       handover: no new handler; those at work end or hear   │
 *       their signal; commit; hold nothing ◄──────────────────┘
 *
 *     any doubt ──► release (as in a handover) ──► leave ──► a pause, the next life
 *                                                    └─ not left in time ──► onGiveUp: the process ends
 *
 * Doubt is a commit, a heartbeat, a rejoin or a look at the offsets that fails or takes too long, or a partition that is
 * unread and brings nothing. The client's own recovery cannot be relied on: after a broker's outage its commits hang for
 * ever. A member that is not sure of its place hands nothing out and commits nothing, until it is.
 */
export function startKafkaMember(
  deps: KafkaMemberDeps,
  limits: KafkaMemberLimits,
  options: SubscribeOptions,
): Subscription {
  const { clock, onError, onGiveUp } = deps;
  const closing = new AbortController();
  const stopped = new Promise<void>((resolve) => closing.signal.addEventListener('abort', () => resolve()));
  let life: Life | undefined;

  async function live(): Promise<void> {
    let shortLives = 0;
    while (!closing.signal.aborted) {
      const lived = startAge(clock);
      const current = startLife(deps, limits, options);
      life = current;
      const doubt = await Promise.race([current.ended, stopped]);
      await current.release(closing.signal.aborted ? limits.closeMs : 0);
      // Who is closed meanwhile says goodbye no longer than one that was closed before.
      const left = new AbortController();
      const closed = stopped.then(() => sleep(clock, limits.leaveLimitMs, left.signal)).catch(() => {});
      const hasLeft = await Promise.race([current.leave(limits.replaceLimitMs), closed]);
      left.abort();
      if (closing.signal.aborted) return;
      onError(toUnavailable(`reading as group ${options.group}`, doubt));
      if (!hasLeft) {
        onGiveUp(new Error(`group ${options.group} could not be left, and cannot be joined anew`, { cause: doubt }));
        return;
      }
      shortLives = lived() >= LONG_LIFE_MS ? 0 : shortLives + 1;
      const pauseMs = Math.min(MAX_LIFE_PAUSE_MS, FIRST_LIFE_PAUSE_MS * 2 ** Math.min(10, shortLives));
      await sleep(clock, pauseMs * (0.5 + deps.random() / 2), closing.signal).catch(() => {});
    }
  }

  const living = live();
  return {
    get partitions() {
      return (life?.partitions ?? []).toSorted((a, b) => a - b);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await living;
      life = undefined;
    },
  };
}

function startLife(deps: KafkaMemberDeps, limits: KafkaMemberLimits, options: SubscribeOptions): Life {
  const { clock, onError, place } = deps;
  const { topic, group } = options;
  const doubts = Promise.withResolvers<unknown>();
  const onDoubt = doubts.resolve;
  const holding = createHolding({ ...deps, isSure: () => membership.isSure(), onRoom: () => fetching.pump() }, options);
  const fetching = startFetching(deps, topic, holding);
  let shares = 0;

  const commit = async (limitMs?: number) => {
    const offsets = new Map<number, bigint>();
    for (const { partition, nextOffset, committed } of holding.held.values()) {
      if (nextOffset > committed) offsets.set(partition, nextOffset);
    }
    if (offsets.size === 0 || !membership.isSure()) return;
    const committedOf = [...holding.held.values()];
    await membership.commit(offsets, limitMs);
    for (const mine of committedOf) mine.committed = offsets.get(mine.partition) ?? mine.committed;
  };

  async function share(partitions: readonly number[]): Promise<void> {
    shares += 1;
    const mine = shares;
    const [committed, bounds] = await Promise.all([
      membership.committed(partitions),
      within(clock, limits.answerLimitMs, 'asking for offsets', fetching.fetcher().bounds(partitions)),
    ]);
    // Meanwhile they were shared out again.
    if (mine !== shares) return;
    const from = partitions.map((partition) => {
      const { first, end } = bounds.get(partition) ?? { first: 0n, end: 0n };
      const offset = committed.get(partition) ?? first;
      if (offset >= first && offset <= end) return { partition, offset };
      onError(new Error(`group ${group} has read partition ${partition} to ${offset}; it holds ${first} to ${end}`));
      return { partition, offset: first };
    });
    holding.take(from);
    fetching.pump();
  }

  const membership = openMembership(
    clock,
    limits,
    { place, topic, group, instance: `${deps.instance}-${topic}` },
    {
      onShare: (partitions) => void share(partitions).catch(onDoubt),
      onHandover: async () => {
        shares += 1;
        await holding.release(limits.handoverMs, () => commit(LAST_COMMIT_LIMIT_MS).catch(onError));
      },
      onDoubt,
    },
  );
  const loops = startLoops(deps, limits, { membership, fetching, holding, commit, onDoubt });
  membership.join().catch(onDoubt);

  return {
    get partitions() {
      return [...holding.held.keys()];
    },
    ended: doubts.promise,
    async release(handlersLimitMs) {
      shares += 1;
      for (const loop of loops) await loop[Symbol.asyncDispose]();
      await holding.release(handlersLimitMs, () => commit(LAST_COMMIT_LIMIT_MS).catch(() => {}));
    },
    async leave(limitMs) {
      const [hasLeft] = await Promise.all([membership.close(limitMs), fetching.close()]);
      return hasLeft;
    },
  };
}

interface LifeParts {
  readonly membership: Membership;
  readonly fetching: Fetching;
  readonly holding: Holding;
  readonly commit: () => Promise<void>;
  readonly onDoubt: (error: unknown) => void;
}

/** What a life does at its own pace. */
function startLoops(
  deps: KafkaMemberDeps,
  limits: KafkaMemberLimits,
  { membership, fetching, holding, commit, onDoubt }: LifeParts,
): Loop[] {
  const failing = { ...deps, onError: onDoubt };
  const findStuck = createStuckWatch();
  let count = 0;

  async function check(): Promise<void> {
    const partitions = [...holding.held.keys()];
    if (partitions.length === 0) return;
    const fetcher = fetching.fetcher();
    const [committed, bounds, partitionCount] = await Promise.all([
      membership.committed(partitions),
      within(deps.clock, limits.answerLimitMs, 'asking for offsets', fetcher.bounds(partitions)),
      fetcher.partitionCount(),
    ]);
    if (count !== 0 && count !== partitionCount) throw new Error('the topic has more partitions now');
    count = partitionCount;
    for (const mine of holding.held.values()) {
      // A member that was paused, and woke up, may have set the group back: committed again, nothing comes twice.
      const known = committed.get(mine.partition);
      if (known !== undefined && known < mine.committed) mine.committed = known;
    }
    const looks = [...holding.held.values()].map(({ partition, fetchOffset, waiting }) => {
      return { partition, fetchOffset, waiting: waiting.length, end: bounds.get(partition)?.end ?? 0n };
    });
    const stuck = findStuck(looks);
    if (stuck !== undefined) throw new Error(`partition ${stuck} is unread and brings nothing`);
  }

  return [
    startEvery(failing, { intervalMs: limits.commitIntervalMs }, async () => {
      if (holding.held.size > 0 && membership.isLost()) throw new Error('the last heartbeat is too old');
      holding.work();
      await commit();
    }),
    startEvery(failing, { intervalMs: limits.checkIntervalMs }, check),
  ];
}
