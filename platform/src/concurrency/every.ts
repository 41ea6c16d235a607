import type { Clock } from './clock.ts';

export interface EveryDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Told of each failure; the loop goes on. */
  readonly onError: (error: unknown) => void;
}

export interface EveryOptions {
  /** Pause between two runs, give or take a tenth, so that instances drift apart. */
  readonly intervalMs: number;
  /** Shortest pause behind a run, also when it was woken. */
  readonly minPauseMs?: number;
}

/** A loop that runs on its own. Disposing it aborts its signal and waits for the run in progress. */
export interface Loop extends AsyncDisposable {
  /** Runs soon: at once while it pauses, once more when it is running. */
  wake(): void;
}

/**
 * Runs `work` at its own pace: the first time at once, then an interval after the run before it ended. Never two at a time.
 * `work` returns true to run again without the interval, when it left something undone.
 */
export function startEvery(
  { clock, random, onError }: EveryDeps,
  { intervalMs, minPauseMs = 0 }: EveryOptions,
  work: (signal: AbortSignal) => Promise<boolean | void>,
): Loop {
  const stopping = new AbortController();
  let woken = false;
  let endPause: (() => void) | undefined;

  const pause = (delayMs: number, isWakeable: boolean) =>
    new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        stopping.signal.removeEventListener('abort', end);
        endPause = undefined;
        resolve();
      };
      const cancel = clock.schedule(delayMs, end);
      if (isWakeable) endPause = end;
      stopping.signal.addEventListener('abort', end);
    });

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      woken = false;
      let isUndone = false;
      try {
        isUndone = (await work(stopping.signal)) === true;
      } catch (error) {
        if (!stopping.signal.aborted) onError(error);
      }
      if (minPauseMs > 0 && !stopping.signal.aborted) await pause(minPauseMs, false);
      if (isUndone || woken || stopping.signal.aborted) continue;
      await pause(intervalMs * (0.9 + random() / 5), true);
    }
  }

  const ended = run();
  return {
    wake() {
      woken = true;
      endPause?.();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
}
