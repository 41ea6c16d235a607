import type { Clock } from './clock.ts';

/** `closed`: calls pass. `open`: calls are refused. `half-open`: one call at a time passes as a probe. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What an outcome says about the destination. `unrelated`: it was not called, or the caller is at fault. */
export type BreakerVerdict = 'failure' | 'success' | 'unrelated';

type BreakerEvent = 'failed' | 'waited' | 'succeeded';

/** The next state for each event. An event that is missing changes nothing. */
const TRANSITIONS: Readonly<Record<BreakerState, Partial<Record<BreakerEvent, BreakerState>>>> = {
  closed: { failed: 'open' },
  open: { waited: 'half-open' },
  'half-open': { failed: 'open', succeeded: 'closed' },
};

/** Dependencies of a circuit breaker. */
interface BreakerDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Judges an error of the work. A refusal by the destination is a `success`: the destination answers. */
  readonly judge: (error: unknown) => BreakerVerdict;
  readonly onChange?: (state: BreakerState) => void;
}

/** Bounds of a circuit breaker. */
interface BreakerLimits {
  /** Number of failures in a row that open it. */
  readonly maxFailures: number;
  /** Milliseconds that it stays open until a call may probe the destination. They start again after a failed probe. */
  readonly openMs: number;
}

/** The breaker is open, or another call is probing. The work was not run. */
export class BreakerOpenError extends Error {
  override readonly name = 'BreakerOpenError';
  /** Milliseconds until the next probe may be made. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`the circuit breaker is open: the next probe is due in ${Math.ceil(retryAfterMs)} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Refuses calls to a destination that has stopped answering, so that callers need not wait for their timeouts. */
export interface Breaker {
  /**
   * Runs the work, or rejects at once with BreakerOpenError. When half open, only one call at a time runs. The work
   * must end by itself, because a probe that never ends keeps the breaker half open forever.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Throws BreakerOpenError if a call would be refused now. Lets a caller fail before it waits for something else. */
  check(): void;
  readonly state: BreakerState;
}

/** Creates a circuit breaker with the states closed, open and half open (M. Nygard, "Release It!", 2007). */
export function createBreaker({ clock, judge, onChange }: BreakerDeps, limits: BreakerLimits): Breaker {
  let state: BreakerState = 'closed';
  let failures = 0;
  let openUntilMs = 0;
  let isProbing = false;
  /** Number of state changes. The outcome of a call that began before the last change is not counted. */
  let generation = 0;

  function on(event: BreakerEvent): void {
    const next = TRANSITIONS[state][event];
    if (next === undefined) return;
    state = next;
    generation += 1;
    failures = 0;
    isProbing = false;
    if (state === 'open') openUntilMs = clock.nowMs() + limits.openMs;
    onChange?.(state);
  }

  function check(): void {
    const leftMs = openUntilMs - clock.nowMs();
    // If more than openMs is left, the clock was set back. That must not keep the breaker open.
    if (state === 'open' && (leftMs <= 0 || leftMs > limits.openMs)) on('waited');
    if (state === 'open') throw new BreakerOpenError(leftMs);
    if (isProbing) throw new BreakerOpenError(limits.openMs);
  }

  function count(verdict: BreakerVerdict): void {
    isProbing = false;
    if (verdict === 'unrelated') return;
    if (verdict === 'success') {
      failures = 0;
      on('succeeded');
      return;
    }
    failures += 1;
    if (state === 'half-open' || failures >= limits.maxFailures) on('failed');
  }

  return {
    check,
    async run(work) {
      check();
      isProbing = state === 'half-open';
      const begunIn = generation;
      let verdict: BreakerVerdict = 'success';
      try {
        return await work();
      } catch (error) {
        verdict = judge(error);
        throw error;
      } finally {
        if (begunIn === generation) count(verdict);
      }
    },
    get state() {
      return state;
    },
  };
}
