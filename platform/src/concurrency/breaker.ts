import type { Clock } from './clock.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';
type BreakerEvent = 'gave in' | 'rested' | 'succeeded';

/** What each event makes of each state. Where there is nothing, the event changes nothing. */
const TRANSITIONS: Readonly<Record<BreakerState, Partial<Record<BreakerEvent, BreakerState>>>> = {
  closed: { 'gave in': 'open' },
  open: { rested: 'half-open' },
  'half-open': { 'gave in': 'open', succeeded: 'closed' },
};

export interface BreakerDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** What an error says of the place that was called. `nothing`: it was not asked, or the error is the caller's own. */
  readonly judge: (error: unknown) => 'is away' | 'is there' | 'nothing';
  readonly onChange?: (state: BreakerState) => void;
}

export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly maxFailures: number;
  /** From opening to the first probe, and from one failed probe to the next. */
  readonly openMs: number;
}

/** The place that is called stays away: nothing was sent. */
export class BreakerOpenError extends Error {
  override readonly name = 'BreakerOpenError';
  /** When the next probe may be made. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`it did not answer several times in a row: it is asked again in ${Math.ceil(retryAfterMs)} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Keeps callers from waiting for a place that stays away. */
export interface Breaker {
  /**
   * Runs the work, or rejects at once with BreakerOpenError. Half open, one call at a time is let through to see. The work
   * must end by itself: a probe that never ends would hold the place for ever.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Throws BreakerOpenError when a call would be refused now. For callers that have to wait for something else first. */
  check(): void;
  readonly state: BreakerState;
}

/** A circuit breaker (M. Nygard, "Release It!", 2007): closed, open, half open. */
export function createBreaker({ clock, judge, onChange }: BreakerDeps, limits: BreakerLimits): Breaker {
  let state: BreakerState = 'closed';
  let failures = 0;
  let openUntilMs = 0;
  let isProbing = false;
  /** Counts changes of state: what a call of an earlier state brings back says nothing of this one. */
  let era = 0;

  function on(event: BreakerEvent): void {
    const next = TRANSITIONS[state][event];
    if (next === undefined) return;
    state = next;
    era += 1;
    failures = 0;
    isProbing = false;
    if (state === 'open') openUntilMs = clock.nowMs() + limits.openMs;
    onChange?.(state);
  }

  function check(): void {
    const leftMs = openUntilMs - clock.nowMs();
    // A clock that was set back must not keep it open for longer than it rests.
    if (state === 'open' && (leftMs <= 0 || leftMs > limits.openMs)) on('rested');
    if (state === 'open') throw new BreakerOpenError(leftMs);
    if (isProbing) throw new BreakerOpenError(limits.openMs);
  }

  function settle(verdict: ReturnType<BreakerDeps['judge']>): void {
    isProbing = false;
    if (verdict === 'nothing') return;
    if (verdict === 'is there') {
      failures = 0;
      on('succeeded');
      return;
    }
    failures += 1;
    if (state === 'half-open' || failures >= limits.maxFailures) on('gave in');
  }

  return {
    check,
    async run(work) {
      check();
      isProbing = state === 'half-open';
      const begunIn = era;
      let verdict: ReturnType<BreakerDeps['judge']> = 'is there';
      try {
        return await work();
      } catch (error) {
        verdict = judge(error);
        throw error;
      } finally {
        if (begunIn === era) settle(verdict);
      }
    },
    get state() {
      return state;
    },
  };
}
