import type { EveryDeps } from '../concurrency/index.ts';
import type { Fetched } from './fetcher-kafka.ts';
import { handOver } from './handling.ts';
import { DEFAULT_MAX_BATCH_EVENTS, type LoggedEvent, type SubscribeOptions } from './port.ts';

/** Where a partition that was shared out to us is read from. */
export interface Share {
  readonly partition: number;
  readonly offset: bigint;
}

/** A partition as its holder sees it, from one sharing out to the next. */
export interface Held {
  readonly partition: number;
  /** What is to be fetched next. */
  fetchOffset: bigint;
  /** Everything below is handled. */
  nextOffset: bigint;
  /** What the group has committed, as far as we know. */
  committed: bigint;
  /** Fetched, and waiting for the handler. */
  waiting: LoggedEvent[];
  isFailing: boolean;
  failures: number;
  readonly losing: AbortController;
}

export interface HoldingDeps extends EveryDeps {
  /** Whether the partitions are surely still ours. */
  readonly isSure: () => boolean;
  /** There is room for more of a partition. */
  readonly onRoom: () => void;
}

/** The partitions that this member holds, what was fetched of them, and the handlers at work. */
export interface Holding {
  readonly held: ReadonlyMap<number, Held>;
  /** Those that take more events. The others have enough waiting. */
  wanting(): Held[];
  /** Holds these instead of all before. */
  take(shares: readonly Share[]): void;
  /** Puts what was fetched behind what waits. Ignored when it was fetched already. */
  put(held: Held, fetched: Fetched): void;
  /** Hands out what waits, where it may be. */
  work(): void;
  /** Starts no handler any more and waits for those at work; past the limit their signals abort. Then it holds nothing. */
  release(limitMs: number, beforeDrop: () => Promise<void>): Promise<void>;
  /** Holds nothing from now on: signals abort. */
  drop(): void;
}

const FIRST_RETRY_PAUSE_MS = 100;
const MAX_RETRY_PAUSE_MS = 5_000;
const ABORTED_LIMIT_MS = 500;
// Of a partition: who has so much waits for the handler. One fetch may go beyond it.
const MAX_WAITING_BATCHES = 2;
const MAX_WAITING_BYTES = 1024 * 1024;

export function createHolding(deps: HoldingDeps, options: SubscribeOptions): Holding {
  const { maxBatchEvents = DEFAULT_MAX_BATCH_EVENTS } = options;
  const { clock, random, onError } = deps;
  const held = new Map<number, Held>();
  // By partition: one that is held anew waits for the handler of the time before.
  const running = new Map<number, Promise<void>>();
  let isReleasing = false;

  function drop(): void {
    for (const { losing } of held.values()) losing.abort();
    held.clear();
  }

  function work(): void {
    if (isReleasing || !deps.isSure()) return;
    for (const mine of held.values()) {
      if (mine.waiting.length === 0 || mine.isFailing || running.has(mine.partition)) continue;
      const done = handle(mine).finally(() => {
        running.delete(mine.partition);
        deps.onRoom();
        work();
      });
      running.set(mine.partition, done);
    }
  }

  async function handle(mine: Held): Promise<void> {
    const events = mine.waiting.slice(0, maxBatchEvents);
    try {
      await handOver(clock, options, events, mine.losing.signal);
      mine.waiting.splice(0, events.length);
      mine.nextOffset = mine.waiting[0]?.offset ?? mine.fetchOffset;
      mine.failures = 0;
    } catch (error) {
      if (!mine.losing.signal.aborted) onError(error);
      mine.failures += 1;
      mine.isFailing = true;
      const pauseMs = Math.min(MAX_RETRY_PAUSE_MS, FIRST_RETRY_PAUSE_MS * 2 ** Math.min(10, mine.failures - 1));
      clock.schedule(pauseMs * (0.5 + random() / 2), () => {
        mine.isFailing = false;
        work();
      });
    }
  }

  /** Waits for the handlers at work, at most so long. */
  function untilIdle(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.schedule(limitMs, resolve);
      void Promise.all(running.values()).then(() => {
        cancel();
        resolve();
      });
    });
  }

  return {
    held,
    wanting: () =>
      [...held.values()].filter(
        ({ waiting }) => waiting.length < maxBatchEvents * MAX_WAITING_BATCHES && bytesOf(waiting) < MAX_WAITING_BYTES,
      ),
    take(shares) {
      drop();
      isReleasing = false;
      for (const { partition, offset } of shares) {
        const fresh = { fetchOffset: offset, nextOffset: offset, committed: offset, isFailing: false, failures: 0 };
        held.set(partition, { partition, ...fresh, waiting: [], losing: new AbortController() });
      }
    },
    put(mine, { events, from, nextOffset }) {
      // A partition whose leader changed may be under way from both.
      if (from !== mine.fetchOffset) return;
      // Offsets without an event are read too, when nothing else of the partition is under way.
      if (events.length === 0 && mine.waiting.length === 0) mine.nextOffset = nextOffset;
      mine.waiting.push(...events);
      mine.fetchOffset = nextOffset;
      work();
    },
    work,
    async release(limitMs, beforeDrop) {
      isReleasing = true;
      await untilIdle(limitMs);
      for (const { losing } of held.values()) losing.abort();
      await untilIdle(ABORTED_LIMIT_MS);
      await beforeDrop();
      drop();
    },
    drop,
  };
}

const bytesOf = (events: readonly LoggedEvent[]) => events.reduce((sum, { value }) => sum + value.length, 0);
