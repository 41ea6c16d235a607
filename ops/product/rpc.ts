import { type Clock, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import type { Call, Implementation } from '@tally/platform/grpc';
import type { ProductService } from '@tally/proto/product';

import type { CallCounter } from './calls.ts';
import type { Catalogue } from './catalogue.ts';
import type { Behaviour } from './faults.ts';

export interface ProductRpcDeps {
  readonly catalogue: Catalogue;
  readonly calls: CallCounter;
  readonly clock: Clock;
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
  readonly token: string;
  readonly behaviour: () => Behaviour;
}

const MAX_LISTED_SKUS = 1000;
// A call that hangs waits this much longer than its deadline, so that no answer arrives just before the deadline.
const HANG_BEYOND_DEADLINE_MS = 1000;

/** Implements the product service as another team might run it: with a token, a rate limit, and faults on request. */
export function createProductRpc(deps: ProductRpcDeps): Implementation<typeof ProductService> {
  const { catalogue } = deps;
  return {
    async getProduct({ token, sku }, call) {
      const isCorrupted = await admitCall(deps, token, call);
      const product = catalogue.find(sku);
      if (product === undefined)
        throw new AppError('not-found', `there is no product ${sku}`, { reason: 'UNKNOWN_SKU' });
      return isCorrupted ? { ...product, name: `${product.name}\0` } : product;
    },
    async listSkus({ token, startAfterSku, count }, call) {
      await admitCall(deps, token, call);
      return { skus: catalogue.after(startAfterSku, Math.min(count, MAX_LISTED_SKUS)) };
    },
  };
}

/** Counts the call, checks limit and token, and injects the fault. Returns whether the answer must be corrupted. */
async function admitCall(deps: ProductRpcDeps, token: string, { signal, deadlineMs }: Call): Promise<boolean> {
  const { calls, clock, random, behaviour } = deps;
  if (!calls.admit()) {
    throw new AppError('resource-exhausted', 'more calls in this second than allowed', { retryAfterMs: 1000 });
  }
  if (token !== deps.token) throw new AppError('unauthenticated', 'the token is wrong', { reason: 'WRONG_TOKEN' });
  const { latencyMs, fault, faultRate } = behaviour();
  const isHit = fault !== 'none' && random() < faultRate;
  const waitMs = isHit && fault === 'hang' ? deadlineMs - clock.nowMs() + HANG_BEYOND_DEADLINE_MS : latencyMs;
  if (waitMs > 0) await sleep(clock, waitMs, signal);
  if (isHit && fault === 'unavailable') throw new AppError('unavailable', 'an injected fault', { retryAfterMs: 1000 });
  return isHit && fault === 'wrong name';
}
