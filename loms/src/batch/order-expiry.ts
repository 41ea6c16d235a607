import { type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';

import type { ExpireOrder } from '../orders/order-expire.ts';
import type { Store } from '../store/store.ts';

interface OrderExpiryDeps extends EveryDeps {
  readonly store: Pick<Store, 'findDueOrders'>;
  readonly batcher: { submit(command: ExpireOrder, signal: AbortSignal): Promise<void> };
}

interface OrderExpiryLimits {
  /** Milliseconds between two sweeps. */
  readonly intervalMs: number;
  /** Maximum number of expire commands in flight. The rest of the command queue stays free for callers. */
  readonly maxCommands: number;
}

const COMMAND_DEADLINE_MS = 10_000;

/**
 * Starts the sweep that cancels orders which are unpaid at their deadline.
 *
 * It runs in every instance. Each order is decided under its lock, so only one of several sweeps cancels it.
 */
export function startOrderExpiry(deps: OrderExpiryDeps, { intervalMs, maxCommands }: OrderExpiryLimits): Loop {
  const { store, batcher, clock } = deps;
  return startEvery(deps, { intervalMs }, async (signal) => {
    const due = await store.findDueOrders(maxCommands);
    const deadlineMs = clock.nowMs() + COMMAND_DEADLINE_MS;
    // The round waits for all of its commands, failed or not. Otherwise the next round would add to those in flight.
    const results = await Promise.allSettled(
      due.map((orderId) => batcher.submit({ kind: 'expire', orderId, deadlineMs, traceparent: undefined }, signal)),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return due.length === maxCommands;
  });
}
