import { createBreaker, createTokenBucket, sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import {
  type CallOptions,
  type Code,
  RpcError,
  type Send,
  detach,
  hopDeadline,
  judgeCall,
  limit,
  refuseWhileOpen,
  watch,
} from '@tally/platform/grpc';
import type { ShardedCache } from '@tally/platform/redis';
import { createLog } from '@tally/platform/telemetry';
import { createFakeClock } from '@tally/platform/testing';
import { ProductService } from '@tally/proto/product';

import type { Product } from '../carts/product.ts';
import { createProducts } from '../products/look-up-products.ts';
import { createRedisProductCache } from '../products/product-cache-redis.ts';
import { createGrpcProductService } from '../products/product-service-grpc.ts';

export const LAMP = { name: 'a lamp', price: 100 };
const METHOD = ProductService.method.getProduct;

interface LookUp {
  readonly token: string;
  readonly forMs: number;
  readonly signal: AbortSignal;
}

interface ProductWorldOptions {
  /** What the product service answers to its n-th call: a product, or the code of a failure. */
  readonly answer?: (sku: number, callNumber: number) => Product | Code;
  readonly shards?: ShardedCache;
}

/**
 * Creates look-ups that use the real caches, the real breaker, the real limit of ten calls a second, and a fake product
 * service that answers after 50 ms. The configured token is `ours`.
 */
export function createProductWorld({ answer = () => LAMP, shards }: ProductWorldOptions = {}) {
  const clock = createFakeClock();
  const startMs = clock.nowMs();
  const sent: { sku: number; token: string; atMs: number }[] = [];
  const send = async ({ sku, token }: { sku: number; token: string }, { signal }: CallOptions) => {
    sent.push({ sku, token, atMs: clock.nowMs() - startMs });
    const answered = answer(sku, sent.length);
    await sleep(clock, 50, signal);
    if (typeof answered === 'number') throw new RpcError({ code: answered, message: 'no' });
    return answered;
  };
  const bucket = createTokenBucket(clock, { ratePerSecond: 10, burst: 1, maxWaiting: 1000 });
  const breaker = createBreaker({ clock, judge: judgeCall }, { maxFailures: 5, openMs: 1000 });
  const interceptors = [
    hopDeadline(clock.nowMs),
    refuseWhileOpen(breaker),
    limit(bucket),
    watch(breaker),
    detach(clock.nowMs, 2000),
  ];
  const getProduct = interceptors.reduceRight<Send>((next, wrap) => wrap(next, METHOD), send);
  const random = () => 0;
  const products = createProducts({
    clock,
    cache: createRedisProductCache({ clock, random, shards, count: () => {} }),
    service: createGrpcProductService({
      client: { getProduct },
      clock,
      random,
      log: createLog('cart', 'silent'),
      token: 'ours',
    }),
  });
  return {
    clock,
    /** The calls that reached the product service. `atMs` counts from the start. */
    sent,
    products,
    /** Looks a sku up with five seconds left. Resolves with the product, or with the refusal as text. */
    async lookUp(
      sku: number,
      { token, forMs = 5000, signal = new AbortController().signal }: Partial<LookUp> = {},
    ): Promise<Product | string | undefined> {
      try {
        return await products.lookUp(sku, { token, signal, deadlineMs: clock.nowMs() + forMs });
      } catch (error) {
        if (!(error instanceof AppError)) return String(error);
        const { kind, reason, retryAfterMs } = error;
        return [kind, reason, retryAfterMs && `retry in ${retryAfterMs}`].filter(Boolean).join(' ');
      }
    },
  };
}
