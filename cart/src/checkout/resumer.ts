import { type Clock, type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import type { Store } from '../store/store.ts';
import { CLAIM_MARGIN_MS, type FinishDeps, finishCheckout } from './checkout.ts';

interface ResumerDeps extends EveryDeps, Omit<FinishDeps, 'clock'> {
  readonly store: Pick<Store, 'claimOpen' | 'update'>;
  readonly clock: Clock;
}

interface ResumerLimits {
  /** Milliseconds between two searches for open checkouts that nobody works on. */
  readonly intervalMs: number;
  /** Maximum number of checkouts that are claimed together and finished at the same time. */
  readonly maxCheckouts: number;
}

/** Maximum milliseconds for the call to loms. */
const CALL_LIMIT_MS = 5_000;

/**
 * Starts a loop that finishes open checkouts whose claims have ended, because their instance died or loms did not
 * answer in time. It runs in every instance. A claim only keeps two instances from doing the same work: if both do it
 * anyway, both get the same result. A checkout that cannot be finished is reported to `onError`, and claimed again when
 * its claim has ended.
 */
export function startResumer(deps: ResumerDeps, { intervalMs, maxCheckouts }: ResumerLimits): Loop {
  return startEvery(deps, { intervalMs }, async (signal) => {
    const claimed = await deps.store.claimOpen(maxCheckouts, CALL_LIMIT_MS + CLAIM_MARGIN_MS);
    const options = { deadlineMs: deps.clock.nowMs() + CALL_LIMIT_MS, signal };
    const results = await Promise.allSettled(claimed.map((each) => finishCheckout(deps, each, options)));
    const failures = results.flatMap((result, i) =>
      result.status === 'rejected' ? [toFailure(claimed[i]?.checkout.id, result.reason)] : [],
    );
    for (const failure of failures) deps.onError(failure);
    // True starts the next round without a pause, because there may be more checkouts. If some failed, loms is in
    // trouble, and a round after the usual pause is soon enough.
    return claimed.length === maxCheckouts && failures.length === 0;
  });
}

/** Returns an error for the log: what Checkout answers a shopper is of no use to an operator. */
function toFailure(checkoutId: string | undefined, cause: unknown): AppError {
  return new AppError('unavailable', `checkout ${checkoutId} could not be finished and will be retried`, { cause });
}
