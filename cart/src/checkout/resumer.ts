import { type Clock, type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';

import { type FinishDeps, finish } from './finish.ts';
import { CLAIM_MARGIN_MS } from '../carts/intent.ts';
import type { Store } from '../store/store.ts';

export interface ResumerDeps extends EveryDeps, Omit<FinishDeps, 'clock'> {
  readonly store: Pick<Store, 'claimOpen' | 'update'>;
  readonly clock: Clock;
}

export interface ResumerLimits {
  readonly intervalMs: number;
  /** Claimed together, and asked for at once. */
  readonly maxCheckouts: number;
}

const CALL_LIMIT_MS = 5_000;

/**
 * Finishes checkouts that nobody works on any more. It runs in every instance; a claim keeps two from doing the same work,
 * and where they do it all the same, they come to one result.
 */
export function startResumer(deps: ResumerDeps, { intervalMs, maxCheckouts }: ResumerLimits): Loop {
  return startEvery(deps, { intervalMs }, async (signal) => {
    const claimed = await deps.store.claimOpen(maxCheckouts, CALL_LIMIT_MS + CLAIM_MARGIN_MS);
    const options = { deadlineMs: deps.clock.nowMs() + CALL_LIMIT_MS, signal };
    const results = await Promise.allSettled(claimed.map((each) => finish(deps, each, options)));
    const failed = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failed) deps.onError(reason);
    // While loms does not answer there is no hurry: those that are left come with the next rounds.
    return claimed.length === maxCheckouts && failed.length === 0;
  });
}
