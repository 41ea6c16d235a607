import { type Clock, type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';

import type { Batcher } from '../batch/batcher.ts';
import type { Store } from '../store/store.ts';

export interface ExpiryDeps extends EveryDeps {
  readonly clock: Clock;
  readonly store: Pick<Store, 'findDueOrders'>;
  readonly batcher: Pick<Batcher, 'submit'>;
}

export interface ExpiryLimits {
  readonly intervalMs: number;
  /** A share of the command queue, so that a flood of due orders leaves room for shoppers. */
  readonly maxCommands: number;
}

const COMMAND_DEADLINE_MS = 10_000;

/**
 * Cancels orders that are unpaid at their deadline. It runs in every instance: an expire command decides under the order's
 * lock, so that two sweeps of one order cancel it once.
 */
export function startExpiry(deps: ExpiryDeps, { intervalMs, maxCommands }: ExpiryLimits): Loop {
  const { store, batcher, clock } = deps;
  return startEvery(deps, { intervalMs }, async (signal) => {
    const due = await store.findDueOrders(maxCommands);
    const deadlineMs = clock.nowMs() + COMMAND_DEADLINE_MS;
    // All of them, before the next round: else one that fails would let the others pass their share of the queue.
    const expired = await Promise.allSettled(
      due.map((orderId) => batcher.submit({ kind: 'expire', orderId, deadlineMs, traceparent: undefined }, signal)),
    );
    const failed = expired.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return due.length === maxCommands;
  });
}
