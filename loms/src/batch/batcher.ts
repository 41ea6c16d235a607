import { type Clock, sleep } from '@tally/platform/concurrency';
import type { Log } from '@tally/platform/telemetry';

import {
  type Answer,
  type Command,
  type Outcome,
  type OutcomeOf,
  decideBatch,
  wantedBy,
} from '../orders/decide-batch.ts';
import { type Store, UpdateError, type UpdateFailure } from '../store/store.ts';
import { type QueueLimits, type QueuedCommand, createCommandQueue, notDecided } from './command-queue.ts';
import { createRetryPolicy } from './retry-policy.ts';

interface BatcherDeps {
  readonly store: Pick<Store, 'update'>;
  readonly clock: Clock;
  /** Returns 0 to 1, for the pause before a retry. */
  readonly random: () => number;
  readonly log: Log;
  /** Called after each commit that wrote events. */
  readonly onEvents: () => void;
  /** Called after each attempt with the number of its commands, and with the failure when it failed. */
  readonly onBatch?: (commands: number, failure?: UpdateFailure) => void;
  /** When this signal aborts, commands that are not decided yet are answered NOT_DECIDED. */
  readonly cutOff?: AbortSignal;
}

export interface BatcherLimits extends QueueLimits {
  /** Maximum number of commands in one transaction. */
  readonly maxBatchCommands: number;
}

/**
 * The queue through which every change of an order goes. One transaction at a time takes all commands that are queued,
 * up to the limits.
 *
 * Orders of a popular sku all need the lock on its stock. If each order had a transaction of its own, each would hold
 * that lock until its own commit, while the others wait. A batch takes the lock once, and one commit serves all of its
 * orders.
 *
 * No command waits for others to come: a command that finds the batcher idle is decided at once, and commands that come
 * during a transaction form the next batch.
 */
export interface Batcher extends AsyncDisposable {
  /**
   * Resolves with the command's outcome once it is committed, or rejects with its refusal. Rejects with QUEUE_FULL at
   * the limit of the queue.
   *
   * Rejects with NOT_DECIDED when the signal aborts, or the command's deadline is about to pass, before the command is
   * decided. The batcher checks the signal and the deadline twice: when it forms a batch, and when the batch has its
   * locks. So this answer can come late while the database is slow. Once the batcher is disposed, every new command is
   * rejected with NOT_DECIDED too.
   */
  submit<C extends Command>(command: C, signal?: AbortSignal): Promise<OutcomeOf<C>>;
  readonly queuedCommands: number;
}

// A command is given up this long before its deadline, so that its caller still receives NOT_DECIDED.
const ANSWER_MARGIN_MS = 50;

/** Starts the batcher. Disposing it refuses new commands, and waits until the queued ones are answered. */
export function startBatcher(deps: BatcherDeps, limits: BatcherLimits): Batcher {
  const { store, clock, random, log, cutOff } = deps;
  const queue = createCommandQueue(limits);
  const policy = createRetryPolicy(limits.maxBatchCommands, random);
  let isClosing = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.take(policy.batchLimit);
      if (batch.length === 0) continue;
      try {
        if (await runBatch(store, batch)) deps.onEvents();
        deps.onBatch?.(batch.length);
        policy.onSuccess();
      } catch (error) {
        await recover(batch, error);
      }
    }
  }

  async function recover(batch: readonly QueuedCommand[], error: unknown): Promise<void> {
    const failure = error instanceof UpdateError ? error.failure : 'culprit';
    deps.onBatch?.(batch.length, failure);
    const pauseMs = policy.onFailure(failure, batch.length);
    if (pauseMs === undefined) return failBatch(log, batch, error);
    for (const queued of batch) queued.failedAttempts += 1;
    queue.putBack(batch);
    if (failure === 'lost' || failure === 'timeout')
      log.warn({ failure, commands: batch.length }, 'a batch is retried');
    // The pause also holds while the batcher closes. Without it, retries would flood a database that is away.
    if (pauseMs > 0) await sleep(clock, pauseMs);
  }

  function wake(): void {
    // One turn of the event loop passes first, so that commands which came in one read of a socket share a batch.
    running ??= new Promise<void>((resolve) => clock.schedule(0, resolve)).then(run).finally(() => {
      running = undefined;
      if (queue.length > 0) wake();
    });
  }

  return {
    get queuedCommands() {
      return queue.length;
    },
    submit<C extends Command>(command: C, signal?: AbortSignal) {
      if (isClosing) return Promise.reject(notDecided());
      const lastMs = command.deadlineMs - ANSWER_MARGIN_MS;
      return new Promise<OutcomeOf<C>>((resolve, reject) => {
        queue.add({
          command,
          // decideBatch answers a command with the outcome of its own kind.
          resolve: resolve as (outcome: Outcome) => void,
          reject,
          isWaitedFor: () => !isAborted(signal) && !isAborted(cutOff) && clock.nowMs() < lastMs,
          failedAttempts: 0,
        });
        wake();
      });
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      // This ends, because every queued command has a deadline.
      while (running !== undefined) await running;
    },
  };
}

const isAborted = (signal: AbortSignal | undefined) => signal?.aborted === true;

function failBatch(log: Log, batch: readonly QueuedCommand[], error: unknown): void {
  for (const { command, reject } of batch) {
    log.error({ kind: command.kind, error }, 'a command cannot be decided or stored');
    reject(error);
  }
}

/** Runs one batch in one transaction, and answers its callers once it is committed. Returns whether it wrote events. */
async function runBatch(store: Pick<Store, 'update'>, batch: readonly QueuedCommand[]): Promise<boolean> {
  const retried = new Set(batch.filter(({ failedAttempts }) => failedAttempts > 0).map(({ command }) => command));
  const wanted = wantedBy(
    batch.map(({ command }) => command),
    retried,
  );
  const { decided, late, answers, hasEvents } = await store.update(wanted, (loaded) => {
    const decided: QueuedCommand[] = [];
    const late: QueuedCommand[] = [];
    // Callers may have gone away while the batch waited for its locks.
    for (const queued of batch) (queued.isWaitedFor() ? decided : late).push(queued);
    const { changes, answers } = decideBatch(
      decided.map(({ command }) => command),
      loaded,
    );
    return { changes, answer: { decided, late, answers, hasEvents: changes.events.length > 0 } };
  });
  decided.forEach((queued, i) => answerCaller(queued, answers[i]));
  for (const { reject } of late) reject(notDecided());
  return hasEvents;
}

function answerCaller({ command, resolve, reject }: QueuedCommand, answer: Answer | undefined): void {
  if (answer === undefined) throw new Error(`decideBatch gave no answer to a ${command.kind} command`);
  if (answer.kind === 'done') resolve(answer.outcome);
  else reject(answer.refusal);
}
