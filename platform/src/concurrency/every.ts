import type { Clock } from './clock.ts';

/** Dependencies of a loop. */
export interface EveryDeps {
  readonly clock: Clock;
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
  /** Receives the error of each failed run. The loop continues. */
  readonly onError: (error: unknown) => void;
}

/** Pauses of a loop. */
interface EveryOptions {
  /**
   * Milliseconds between two runs, in addition to `minPauseMs`. They vary at random by up to a tenth, so that instances
   * drift apart.
   */
  readonly intervalMs: number;
  /** Shortest pause after a run, in milliseconds. It holds even if `wake` is called or work is left. 0 by default. */
  readonly minPauseMs?: number;
}

/** A running loop. Disposing it aborts the signal of the work and waits until the current run has ended. */
export interface Loop extends AsyncDisposable {
  /** Ends the pause of `intervalMs`. During a run, it lets another run follow without that pause. */
  wake(): void;
}

/**
 * Runs `work` at once, and again after the pause that follows each run. Two runs never overlap. When `work` resolves
 * with true, because it left something undone, the next run waits for `minPauseMs` only.
 */
export function startEvery(
  { clock, random, onError }: EveryDeps,
  { intervalMs, minPauseMs = 0 }: EveryOptions,
  work: (signal: AbortSignal) => Promise<boolean | void>,
): Loop {
  const stopping = new AbortController();
  let isWoken = false;
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
      isWoken = false;
      let isUndone = false;
      try {
        isUndone = (await work(stopping.signal)) === true;
      } catch (error) {
        if (!stopping.signal.aborted) onError(error);
      }
      if (minPauseMs > 0 && !stopping.signal.aborted) await pause(minPauseMs, false);
      if (isUndone || isWoken || stopping.signal.aborted) continue;
      await pause(intervalMs * (0.9 + random() / 5), true);
    }
  }

  const ended = run();
  return {
    wake() {
      isWoken = true;
      endPause?.();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
}
