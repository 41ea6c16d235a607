import type { UpdateFailure } from '../store/store.ts';

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;
// A conflict means that another instance was first, and the next attempt sees what that instance committed. If a batch
// still conflicts after this many attempts, the fault lies in one of its commands.
const MAX_CONFLICTS_IN_ROW = 8;

/** What follows each kind of failure: whether the batch is halved, and whether the next attempt waits. */
const RECOVERIES: Record<UpdateFailure, { readonly isHalved: boolean; readonly isPaused: boolean }> = {
  conflict: { isHalved: false, isPaused: true },
  timeout: { isHalved: true, isPaused: true },
  lost: { isHalved: false, isPaused: true },
  culprit: { isHalved: true, isPaused: false },
};

/** Decides how a failed batch is retried. */
interface RetryPolicy {
  /** Maximum number of commands in the next batch. */
  readonly batchLimit: number;
  onSuccess(): void;
  /**
   * Returns the pause before the next attempt in milliseconds, 0 for none. Returns undefined when there is no next
   * attempt, because the batch is a single command, and that command is the culprit.
   */
  onFailure(failure: UpdateFailure, batchLength: number): number | undefined;
}

/**
 * Creates a policy that isolates the culprit of a failure: the batch limit is halved after each failure that a single
 * command may have caused, and doubled after each success, up to `maxBatchCommands`.
 *
 * With each failure in a row, the pause doubles from 20 ms up to 500 ms. `random` returns 0 to 1, and shortens the
 * pause by up to a half: at 1 it has its full length, at 0 half of it.
 */
export function createRetryPolicy(maxBatchCommands: number, random: () => number): RetryPolicy {
  let batchLimit = maxBatchCommands;
  let failuresInRow = 0;
  let conflictsInRow = 0;
  return {
    get batchLimit() {
      return batchLimit;
    },
    onSuccess() {
      failuresInRow = 0;
      conflictsInRow = 0;
      batchLimit = Math.min(maxBatchCommands, batchLimit * 2);
    },
    onFailure(reported, batchLength) {
      conflictsInRow = reported === 'conflict' ? conflictsInRow + 1 : 0;
      const failure = conflictsInRow > MAX_CONFLICTS_IN_ROW ? 'culprit' : reported;
      failuresInRow += 1;
      if (failure === 'culprit' && batchLength === 1) {
        failuresInRow = 0;
        conflictsInRow = 0;
        return undefined;
      }
      const { isHalved, isPaused } = RECOVERIES[failure];
      if (isHalved) batchLimit = Math.max(1, batchLength >> 1);
      if (!isPaused) return 0;
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failuresInRow - 1, 10));
      return pauseMs * (0.5 + random() / 2);
    },
  };
}
