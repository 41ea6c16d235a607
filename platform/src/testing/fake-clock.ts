import type { Clock } from '../concurrency/index.ts';

/** A clock that stands still until a test advances it. */
interface FakeClock extends Clock {
  /** Advances the time and runs what falls due, in order. After each step, promises that need no time are settled. */
  advance(ms: number): Promise<void>;
  /** Number of scheduled runs. */
  readonly pending: number;
}

/** Creates a clock that stands at `startMs`, by default at noon UTC on 24 November 2026. */
export function createFakeClock(startMs = Date.parse('2026-11-24T12:00:00Z')): FakeClock {
  let nowMs = startMs;
  let order = 0;
  const due = new Map<number, { readonly atMs: number; readonly order: number; readonly work: () => void }>();

  function next(untilMs: number) {
    let first: [number, { atMs: number; order: number; work: () => void }] | undefined;
    for (const entry of due) {
      const isSooner = first === undefined || entry[1].atMs < first[1].atMs;
      if (entry[1].atMs <= untilMs && isSooner) first = entry;
    }
    return first;
  }

  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    schedule(delayMs, work) {
      order += 1;
      const id = order;
      due.set(id, { atMs: nowMs + Math.max(0, delayMs), order: id, work });
      return () => void due.delete(id);
    },
    get pending() {
      return due.size;
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let entry = next(untilMs); entry !== undefined; entry = next(untilMs)) {
        const [id, { atMs, work }] = entry;
        due.delete(id);
        nowMs = Math.max(nowMs, atMs);
        work();
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
