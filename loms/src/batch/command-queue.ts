import { AppError } from '@tally/platform/errors';

import type { Command, Outcome } from '../orders/decide-batch.ts';

/** A command in the queue, and how its caller is answered. */
export interface QueuedCommand {
  readonly command: Command;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the caller still waits for the answer. */
  readonly isWaitedFor: () => boolean;
  /** Number of failed attempts. Above 0, an earlier attempt may have been committed. */
  failedAttempts: number;
}

export interface QueueLimits {
  /** Maximum number of queued commands. At the limit, the next one is refused with QUEUE_FULL. */
  readonly maxQueuedCommands: number;
  /** Maximum number of order lines in one batch. A single order with more lines makes a batch of its own. */
  readonly maxBatchLines: number;
}

/** The commands that wait for a batch, first in, first out. */
interface CommandQueue {
  readonly length: number;
  /** Appends a command. Throws QUEUE_FULL at the limit. */
  add(queued: QueuedCommand): void;
  /**
   * Takes the commands of the next batch. Those whose caller does not wait any more are answered NOT_DECIDED, and left
   * out.
   */
  take(maxCommands: number): QueuedCommand[];
  /** Puts a batch back at the head, in its order. The limits do not apply. */
  putBack(batch: readonly QueuedCommand[]): void;
}

export function createCommandQueue({ maxQueuedCommands, maxBatchLines }: QueueLimits): CommandQueue {
  const queue: QueuedCommand[] = [];
  return {
    get length() {
      return queue.length;
    },
    add(queued) {
      if (queue.length >= maxQueuedCommands) throw queueFull(maxQueuedCommands);
      queue.push(queued);
    },
    take(maxCommands) {
      const batch: QueuedCommand[] = [];
      let lineCount = 0;
      while (batch.length < maxCommands) {
        const [next] = queue;
        if (next === undefined) break;
        const nextLineCount = linesOf(next.command);
        if (batch.length > 0 && lineCount + nextLineCount > maxBatchLines) break;
        queue.shift();
        if (next.isWaitedFor()) {
          lineCount += nextLineCount;
          batch.push(next);
        } else {
          next.reject(notDecided());
        }
      }
      return batch;
    },
    putBack(batch) {
      queue.unshift(...batch);
    },
  };
}

/** A command that changes an existing order counts as one line, however many lines the order has. */
const linesOf = (command: Command) => (command.kind === 'create' ? command.lines.length : 1);

function queueFull(limit: number): AppError {
  return new AppError('resource-exhausted', `the queue is full with ${limit} commands: try again later`, {
    reason: 'QUEUE_FULL',
    retryAfterMs: 500,
  });
}

/** The answer to a command that was not decided in time. An earlier attempt may still have been committed. */
export function notDecided(): AppError {
  return new AppError('unavailable', 'the order was not decided in time: try again', {
    reason: 'NOT_DECIDED',
    retryAfterMs: 1000,
  });
}
