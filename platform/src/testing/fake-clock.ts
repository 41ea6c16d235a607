import type { Clock } from '../concurrency/index.ts';

/** A clock that stands still until a test advances it. */
interface FakeClock extends Clock {
  /** Advances the time and runs what falls due, in order. Before and after each run it settles promises. */
  advance(ms: number): Promise<void>;
  /** Number of scheduled runs. */
  readonly pending: number;
}

interface ScheduledRun {
  readonly atMs: number;
  readonly work: () => void;
}

/** Creates a clock that stands at `startMs`, by default at noon UTC on 24 November 2026. */
export function createFakeClock(startMs = Date.parse('2026-11-24T12:00:00Z')): FakeClock {
  let nowMs = startMs;
  /** The scheduled runs, in the order in which they were scheduled. */
  const scheduled = new Set<ScheduledRun>();

  /** Returns the run that is due first, unless that is after `untilMs`. Of equal ones it is the one scheduled first. */
  function next(untilMs: number): ScheduledRun | undefined {
    let first: ScheduledRun | undefined;
    for (const run of scheduled) {
      if (run.atMs <= untilMs && (first === undefined || run.atMs < first.atMs)) first = run;
    }
    return first;
  }

  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    schedule(delayMs, work) {
      const run = { atMs: nowMs + Math.max(0, delayMs), work };
      scheduled.add(run);
      return () => void scheduled.delete(run);
    },
    get pending() {
      return scheduled.size;
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let run = next(untilMs); run !== undefined; run = next(untilMs)) {
        scheduled.delete(run);
        nowMs = Math.max(nowMs, run.atMs);
        run.work();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}

/** Settles promises that need no time: a turn of the event loop runs all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
