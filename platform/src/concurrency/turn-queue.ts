import { type Clock, sleep } from './clock.ts';
import { LimitError, type TokenBucket } from './token-bucket.ts';
import { type Waiter, appendWaiter } from './waiter.ts';

/** Hands out the turns that several processes share. */
export interface TurnSource {
  /**
   * Reserves the next free turn, unless it is more than `maxWaitMs` away; then it reserves nothing. A rejection is
   * passed on to the first caller of the queue.
   */
  reserve(maxWaitMs: number): Promise<Reservation>;
  /** Called when a reserved turn is used. */
  used(): void;
  /** Milliseconds between two turns of this process now, as an estimate. */
  readonly gapMs: number;
  /** Lower bound of the milliseconds between two turns. */
  readonly minGapMs: number;
}

/** The answer of a source. */
export interface Reservation {
  /** Whether a turn was reserved. */
  readonly isGranted: boolean;
  /** Milliseconds until the next free turn is due, whether or not it was reserved. */
  readonly waitMs: number;
}

/** Bounds of a turn queue. */
interface TurnQueueLimits {
  /** Maximum number of callers that wait. Further callers are refused. */
  readonly maxWaiting: number;
  /** Milliseconds for which a due turn is kept. If nobody takes it by then, it is discarded and another is reserved. */
  readonly maxLateMs: number;
}

/**
 * Creates a queue of this process's callers for turns that are reserved elsewhere, one at a time.
 *
 * A reserved turn belongs to the queue and not to one caller: if the first caller leaves, the next one takes the turn.
 * At most one turn of each process is therefore wasted, when all its callers leave. Reserving one turn at a time also
 * makes the sharing fair: processes that want turns get them in rotation.
 */
export function createTurnQueue(
  clock: Clock,
  { maxWaiting, maxLateMs }: TurnQueueLimits,
  source: TurnSource,
): TokenBucket {
  const waiting: Waiter[] = [];
  const reserved = createReservedTurn(clock, maxLateMs);
  let isServing = false;

  /** Estimates the wait of a new caller. Other processes that begin to take turns prolong it: see `refuseLate`. */
  function expectedWaitMs(): number {
    const firstMs = Math.max(0, (reserved.dueMs() ?? 0) - clock.nowMs());
    return firstMs + waiting.length * source.gapMs;
  }

  async function reserveFor(first: Waiter): Promise<void> {
    try {
      const { isGranted, waitMs } = await source.reserve(first.deadlineMs - clock.nowMs());
      if (isGranted) reserved.set(waitMs);
      else refuse(waiting, first, new LimitError(waitMs));
    } catch (error) {
      refuse(waiting, first, error);
    }
  }

  async function serve(): Promise<void> {
    isServing = true;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const dueMs = reserved.dueMs();
      if (dueMs === undefined) {
        await reserveFor(first);
        continue;
      }
      refuseLate(waiting, clock.nowMs(), dueMs, source.minGapMs);
      if (waiting.length === 0) break;
      const leftMs = dueMs - clock.nowMs();
      if (leftMs > 0) {
        await sleep(clock, leftMs);
        continue;
      }
      reserved.clear();
      source.used();
      waiting.shift()?.go();
    }
    // The caller that got the last turn continues after this line, because promise reactions never run inside `go`. If
    // it wants another turn at once, it finds nobody serving, and `take` starts this function again.
    isServing = false;
  }

  return {
    take(options = {}) {
      const { signal, deadlineMs = Number.POSITIVE_INFINITY } = options;
      if (signal?.aborted) return Promise.reject(signal.reason);
      const waitMs = expectedWaitMs();
      if (clock.nowMs() + waitMs > deadlineMs || waiting.length >= maxWaiting) {
        return Promise.reject(new LimitError(waitMs));
      }
      const turn = appendWaiter(waiting, options);
      if (!isServing) void serve();
      return turn;
    },
  };
}

/**
 * Refuses the callers whose turn will be too late even if no other process wants one. `dueMs` is the time of the first
 * turn. A caller that is refused makes room for those after it.
 */
function refuseLate(waiting: Waiter[], nowMs: number, dueMs: number, minGapMs: number): void {
  let turnMs = Math.max(dueMs, nowMs);
  // This is a copy, because `refuse` removes callers.
  for (const waiter of waiting.slice()) {
    if (turnMs <= waiter.deadlineMs) turnMs += minGapMs;
    else refuse(waiting, waiter, new LimitError(Math.max(1, turnMs - nowMs)));
  }
}

/** Refuses a caller, unless it has left. */
function refuse(waiting: Waiter[], waiter: Waiter, error: unknown): void {
  const place = waiting.indexOf(waiter);
  if (place === -1) return;
  waiting.splice(place, 1);
  waiter.refuse(error);
}

/** Creates the place that holds the turn which is reserved and not used yet. */
function createReservedTurn(clock: Clock, maxLateMs: number) {
  let turn: { dueMs: number; readonly waitMs: number } | undefined;
  return {
    /** Returns when the turn is due, or undefined when there is none. Discards a turn that is too late. */
    dueMs(): number | undefined {
      if (turn === undefined) return undefined;
      // After the clock was set back, nobody waits longer than was announced.
      turn.dueMs = Math.min(turn.dueMs, clock.nowMs() + turn.waitMs);
      if (clock.nowMs() > turn.dueMs + maxLateMs) turn = undefined;
      return turn?.dueMs;
    },
    set(waitMs: number): void {
      turn = { dueMs: clock.nowMs() + waitMs, waitMs };
    },
    clear(): void {
      turn = undefined;
    },
  };
}
