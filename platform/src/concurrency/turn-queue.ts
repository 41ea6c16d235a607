import { type Clock, sleep } from './clock.ts';
import { LimitError, type TakeOptions, type TokenBucket } from './token-bucket.ts';

/** Where turns come from, over all processes that share them. */
export interface TurnSource {
  /**
   * Reserves the next free turn, unless it is further away than `maxWaitMs`: then it reserves nothing. A failure is for the
   * caller that is first in the queue.
   */
  reserve(maxWaitMs: number): Promise<Reservation>;
  /** Told when a turn is taken. */
  used(): void;
  /** How far apart the turns of this process are now, as far as is known. */
  readonly gapMs: number;
  /** How far apart they are at least. */
  readonly minGapMs: number;
}

export interface Reservation {
  readonly isGranted: boolean;
  readonly waitMs: number;
}

export interface TurnQueueLimits {
  /** Callers whose turn has not come; the next one is refused. */
  readonly maxWaiting: number;
  /** A turn that could not be taken for longer than this behind its moment is given up for a new one. */
  readonly maxLateMs: number;
}

interface Waiter {
  readonly deadlineMs: number;
  readonly go: () => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * The callers of this process in a row, for turns that are reserved somewhere else, one at a time.
 *
 * The turn belongs to the queue and not to the caller it was reserved for: when that one leaves, the next in the row takes
 * it. So at most one turn of each process is lost, when all its callers leave. One at a time is also what makes the
 * sharing fair: processes that want turns get them in rotation.
 */
export function createTurnQueue(
  clock: Clock,
  { maxWaiting, maxLateMs }: TurnQueueLimits,
  source: TurnSource,
): TokenBucket {
  const waiting: Waiter[] = [];
  /** When the reserved turn comes. */
  let heldMs: number | undefined;
  /** How far ahead it lay when it was reserved. */
  let heldWaitMs = 0;
  let isServing = false;

  function isStale(): boolean {
    if (heldMs === undefined) return true;
    // A clock that is set back makes nobody wait for longer than was said.
    heldMs = Math.min(heldMs, clock.nowMs() + heldWaitMs);
    return clock.nowMs() > heldMs + maxLateMs;
  }

  /** A guess for who comes now: others may come and go. What is sure is only known to `refuseLate`. */
  function expectedWaitMs(): number {
    const firstMs = isStale() || heldMs === undefined ? 0 : Math.max(0, heldMs - clock.nowMs());
    return firstMs + waiting.length * source.gapMs;
  }

  /** Those whose turn cannot come in time even if nobody else wants one: they take no place from others. */
  function refuseLate(firstMs: number): void {
    const turns = waiting.map((waiter, place) => ({ waiter, turnMs: firstMs + place * source.minGapMs }));
    for (const { waiter, turnMs } of turns) {
      if (turnMs > waiter.deadlineMs) refuse(waiter, new LimitError(Math.max(1, turnMs - clock.nowMs())));
    }
  }

  function refuse(waiter: Waiter, error: unknown): void {
    waiting.splice(waiting.indexOf(waiter), 1);
    waiter.refuse(error);
  }

  async function reserveFor(first: Waiter): Promise<void> {
    try {
      const { isGranted, waitMs } = await source.reserve(first.deadlineMs - clock.nowMs());
      if (isGranted) {
        heldMs = clock.nowMs() + waitMs;
        heldWaitMs = waitMs;
      }
      // It may have left meanwhile.
      else if (waiting.includes(first)) refuse(first, new LimitError(waitMs));
    } catch (error) {
      if (waiting.includes(first)) refuse(first, error);
    }
  }

  async function serve(): Promise<void> {
    isServing = true;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (isStale() || heldMs === undefined) {
        heldMs = undefined;
        await reserveFor(first);
        continue;
      }
      refuseLate(Math.max(heldMs, clock.nowMs()));
      if (waiting.length === 0) break;
      if (heldMs > clock.nowMs()) {
        await sleep(clock, heldMs - clock.nowMs());
        continue;
      }
      heldMs = undefined;
      source.used();
      waiting.shift()?.go();
    }
    // Before whoever got the last turn goes on, and may want another one.
    isServing = false;
  }

  return {
    take({ signal, deadlineMs = Number.POSITIVE_INFINITY }: TakeOptions = {}) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      const waitMs = expectedWaitMs();
      if (clock.nowMs() + waitMs > deadlineMs || waiting.length >= maxWaiting) {
        return Promise.reject(new LimitError(waitMs));
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(signal?.reason);
        };
        const settle = (end: () => void) => {
          signal?.removeEventListener('abort', leave);
          end();
        };
        const waiter: Waiter = {
          deadlineMs,
          go: () => settle(resolve),
          refuse: (error) => settle(() => reject(error)),
        };
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(waiter);
        if (!isServing) void serve();
      });
    },
  };
}
