import { type Clock, sleep } from './clock.ts';
import { LimitError, type TakeOptions, type TokenBucket } from './token-bucket.ts';

/** Hands out the turns that several processes share. */
export interface TurnSource {
  /**
   * Reserves the next free turn, unless it is more than `maxWaitMs` away; then it reserves nothing. A rejection is passed on
   * to the first caller of the queue.
   */
  reserve(maxWaitMs: number): Promise<Reservation>;
  /** Called when a reserved turn is used. */
  used(): void;
  /** Milliseconds between two turns of this process now, as an estimate. */
  readonly gapMs: number;
  /** Lower bound of the milliseconds between two turns. */
  readonly minGapMs: number;
}

/** The answer of a source: whether a turn was reserved, and how far the next turn is away. */
export interface Reservation {
  readonly isGranted: boolean;
  readonly waitMs: number;
}

/** Bounds of a turn queue. */
interface TurnQueueLimits {
  /** Maximum number of callers that wait. Further callers are refused. */
  readonly maxWaiting: number;
  /** A reserved turn that nobody took this long after it was due is discarded, and a new one is reserved. */
  readonly maxLateMs: number;
}

interface Waiter {
  readonly deadlineMs: number;
  readonly go: () => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Creates a queue of this process's callers for turns that are reserved elsewhere, one at a time.
 *
 * A reserved turn belongs to the queue and not to one caller: if the first caller leaves, the next one takes the turn. At most
 * one turn of each process is therefore wasted, when all its callers leave. Reserving one turn at a time also makes the
 * sharing fair: processes that want turns get them in rotation.
 */
export function createTurnQueue(
  clock: Clock,
  { maxWaiting, maxLateMs }: TurnQueueLimits,
  source: TurnSource,
): TokenBucket {
  const waiting: Waiter[] = [];
  /** Time of the reserved turn; undefined when none is reserved. */
  let heldMs: number | undefined;
  /** How far the reserved turn was away when it was reserved. */
  let heldWaitMs = 0;
  let isServing = false;

  function isStale(): boolean {
    if (heldMs === undefined) return true;
    // After the clock was set back, nobody waits longer than was announced.
    heldMs = Math.min(heldMs, clock.nowMs() + heldWaitMs);
    return clock.nowMs() > heldMs + maxLateMs;
  }

  /** Estimates the wait of a new caller. Other processes may come and go, so only `refuseLate` knows what is certain. */
  function expectedWaitMs(): number {
    const firstMs = isStale() || heldMs === undefined ? 0 : Math.max(0, heldMs - clock.nowMs());
    return firstMs + waiting.length * source.gapMs;
  }

  /** Refuses callers whose turn would be too late even if no other process wanted one, so that they hold up nobody. */
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
      // The caller may have left during the reservation.
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
    // This runs before the caller that got the last turn continues, which may want another turn at once.
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
