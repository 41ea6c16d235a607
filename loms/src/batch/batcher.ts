import { type Clock, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import type { Log } from '@tally/platform/telemetry';

import { type Answer, decideBatch, wantedBy } from '../orders/decide-batch.ts';
import type { Command } from '../orders/command.ts';
import { type Store, UpdateError, type UpdateFailure } from '../store/store.ts';

export interface BatcherDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** 0 to 1, for the pause before another try. */
  readonly random: () => number;
  readonly log: Log;
  /** Called behind each batch that wrote events. */
  readonly onEvents: () => void;
  readonly onBatch?: (commands: number, failure?: UpdateFailure) => void;
  /** What is undecided when it aborts stays undecided. */
  readonly cutOff?: AbortSignal;
}

export interface BatcherLimits {
  readonly maxQueuedCommands: number;
  readonly maxBatchCommands: number;
  readonly maxBatchLines: number;
  readonly paymentTimeoutMs: number;
}

/**
 * The one way in which orders change stock: commands queue up, and one transaction at a time takes what is there.
 *
 * There is no linger: a lone command goes at once, and whatever comes while it is written makes the next batch.
 */
export interface Batcher extends AsyncDisposable {
  /**
   * Resolves with a create's order id once it is committed; rejects with the refusal. A full queue refuses at once.
   * A caller that goes away, or whose deadline passes, gets no answer; its command may still be decided.
   */
  submit(command: Command, signal?: AbortSignal): Promise<bigint | undefined>;
  readonly queuedCommands: number;
}

interface Waiting {
  readonly command: Command;
  readonly signal: AbortSignal | undefined;
  readonly settle: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** Past 0 its fate is unknown: an earlier try may have been committed. */
  tries: number;
}

// What a caller needs to hear that the database is away, rather than run into its own deadline.
const ANSWER_MARGIN_MS = 50;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 500;
// A conflict means that another instance was first, which the next try sees. More in a row are no conflicts but a bug.
const MAX_CONFLICTS_IN_ROW = 8;

/** What follows a failed batch before it runs again. */
const RECOVERIES: Record<UpdateFailure, { readonly isHalved: boolean; readonly isPaused: boolean }> = {
  conflict: { isHalved: false, isPaused: true },
  timeout: { isHalved: true, isPaused: true },
  lost: { isHalved: false, isPaused: true },
  culprit: { isHalved: true, isPaused: false },
};

export function startBatcher(deps: BatcherDeps, limits: BatcherLimits): Batcher {
  const { store, clock, random, log } = deps;
  const queue: Waiting[] = [];
  let isClosing = false;
  let running: Promise<void> | undefined;
  // Halved when a batch fails, doubled when one succeeds: so a culprit ends up alone.
  let batchLimit = limits.maxBatchCommands;
  let failuresInRow = 0;
  let conflictsInRow = 0;

  const isAlive = ({ command, signal }: Waiting) =>
    signal?.aborted !== true && deps.cutOff?.aborted !== true && clock.nowMs() < command.deadlineMs - ANSWER_MARGIN_MS;

  function take(): Waiting[] {
    const batch: Waiting[] = [];
    let lines = 0;
    while (queue.length > 0 && batch.length < batchLimit) {
      const next = queue[0] as Waiting;
      const weight = next.command.kind === 'create' ? next.command.lines.length : 1;
      if (batch.length > 0 && lines + weight > limits.maxBatchLines) break;
      queue.shift();
      if (isAlive(next)) {
        lines += weight;
        batch.push(next);
      } else next.settle({ kind: 'dropped' });
    }
    return batch;
  }

  async function write(batch: Waiting[]): Promise<void> {
    const commands = batch.map(({ command }) => command);
    const waitingOf = new Map(batch.map((waiting) => [waiting.command, waiting]));
    const isRerun = (command: Command) => (waitingOf.get(command)?.tries ?? 0) > 0;
    const rules = {
      paymentTimeoutMs: limits.paymentTimeoutMs,
      isAlive: (command: Command) => isAlive(waitingOf.get(command) as Waiting),
    };
    let answers: Answer[] = [];
    let wroteEvents = false;
    await store.update(wantedBy(commands, isRerun), (loaded) => {
      const decided = decideBatch(commands, loaded, rules);
      answers = decided.answers;
      wroteEvents = decided.changes.events.length > 0;
      return decided.changes;
    });
    batch.forEach((waiting, i) => waiting.settle(answers[i] as Answer));
    if (wroteEvents) deps.onEvents();
  }

  /** Puts a failed batch back in its place at the head, or fails the one command that is left of it. */
  async function recover(batch: Waiting[], error: unknown): Promise<void> {
    const given = error instanceof UpdateError ? error.failure : 'culprit';
    conflictsInRow = given === 'conflict' ? conflictsInRow + 1 : 0;
    const failure = conflictsInRow > MAX_CONFLICTS_IN_ROW ? 'culprit' : given;
    deps.onBatch?.(batch.length, given);
    failuresInRow += 1;
    const [only] = batch;
    if (failure === 'culprit' && batch.length === 1 && only !== undefined) {
      log.error({ kind: only.command.kind, error }, 'a command cannot be decided or stored');
      only.reject(error);
      failuresInRow = 0;
      return;
    }
    for (const waiting of batch) waiting.tries += 1;
    queue.unshift(...batch);
    if (failure === 'lost' || failure === 'timeout')
      log.warn({ failure, commands: batch.length }, 'a batch runs again');
    const { isHalved, isPaused } = RECOVERIES[failure];
    if (isHalved) batchLimit = Math.max(1, batch.length >> 1);
    if (!isPaused) return;
    // Also while it closes: without the pause a database that is away would be asked without end.
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failuresInRow - 1, 10));
    await sleep(clock, pauseMs * (0.5 + random() / 2));
  }

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const batch = take();
      if (batch.length === 0) continue;
      try {
        await write(batch);
        deps.onBatch?.(batch.length);
        failuresInRow = 0;
        conflictsInRow = 0;
        batchLimit = Math.min(limits.maxBatchCommands, batchLimit * 2);
      } catch (error) {
        await recover(batch, error);
      }
    }
  }

  function wake(): void {
    // A turn of the event loop first: commands that arrived in the same read leave in the same batch.
    running ??= new Promise<void>((resolve) => clock.schedule(0, resolve)).then(run).finally(() => {
      running = undefined;
      if (queue.length > 0) wake();
    });
  }

  return {
    get queuedCommands() {
      return queue.length;
    },
    submit(command, signal) {
      if (queue.length >= limits.maxQueuedCommands) return Promise.reject(queueFull(limits.maxQueuedCommands));
      if (isClosing) return Promise.reject(goneAway());
      return new Promise((resolve, reject) => {
        queue.push({ command, signal, settle: (answer) => settle(answer, resolve, reject), reject, tries: 0 });
        wake();
      });
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      // Every queued command has a deadline, so this ends.
      while (running !== undefined) await running;
    },
  };
}

function settle(
  answer: Answer,
  resolve: (orderId: bigint | undefined) => void,
  reject: (error: unknown) => void,
): void {
  if (answer.kind === 'done') resolve(answer.orderId);
  else reject(answer.kind === 'refused' ? answer.refusal : goneAway());
}

function queueFull(limit: number): AppError {
  return new AppError('resource-exhausted', `${limit} commands wait already: try again soon`, {
    reason: 'QUEUE_FULL',
    retryAfterMs: 500,
  });
}

/** Nobody decided in time. Whether an earlier try went through is unknown: asking again with the same key tells. */
function goneAway(): AppError {
  return new AppError('unavailable', 'the order could not be decided in time: try again', {
    reason: 'NOT_DECIDED',
    retryAfterMs: 1000,
  });
}
