import { type Clock, type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';

import type { Store } from '../store/store.ts';
import { CLAIM_MARGIN_MS, type FinishDeps, finishCheckout } from './checkout.ts';

interface ResumerDeps extends EveryDeps, Omit<FinishDeps, 'clock'> {
  readonly store: Pick<Store, 'claimOpen' | 'update'>;
  readonly clock: Clock;
}

interface ResumerLimits {
  /** Milliseconds between two looks for abandoned checkouts. */
  readonly intervalMs: number;
  /** Maximum number of checkouts that are claimed together and finished at the same time. */
  readonly maxCheckouts: number;
}

const CALL_LIMIT_MS = 5_000;

/**
 * Finishes open checkouts whose claims have ended, because their instance died or loms did not answer in time. It runs in
 * every instance. A claim saves two instances from the same work; when both do it anyway, both get the same result.
 */
export function startResumer(deps: ResumerDeps, { intervalMs, maxCheckouts }: ResumerLimits): Loop {
  return startEvery(deps, { intervalMs }, async (signal) => {
    const claimed = await deps.store.claimOpen(maxCheckouts, CALL_LIMIT_MS + CLAIM_MARGIN_MS);
    const options = { deadlineMs: deps.clock.nowMs() + CALL_LIMIT_MS, signal };
    const results = await Promise.allSettled(claimed.map((each) => finishCheckout(deps, each, options)));
    const failed = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failed) deps.onError(reason);
    // Goes on at once when there may be more, unless some failed: loms is in trouble then, and the next round is soon enough.
    return claimed.length === maxCheckouts && failed.length === 0;
  });
}
