import { type Clock, createTtlCache } from '@tally/platform/concurrency';
import type { ShardedCache } from '@tally/platform/redis';

import { isProduct } from '../carts/product.ts';
import { type LookedUp, NO_SUCH_PRODUCT, type ProductCache } from './products.ts';

export interface ProductCacheDeps {
  readonly clock: Clock;
  /** Returns 0 to 1. */
  readonly random: () => number;
  /** The shards of Redis. Undefined: this process caches alone. */
  readonly shards: ShardedCache | undefined;
  /** Counts how each read of a layer ended, and each write to Redis that failed. */
  readonly count: (layer: 'process' | 'redis', outcome: 'hit' | 'miss' | 'error') => void;
}

// Names and prices hardly ever change, and the product service allows ten calls a second over all instances: five minutes
// of calls fill the cache with 3,000 products. A change is visible after at most six minutes, five in Redis and one here.
const LOCAL_TTL_MS = 60_000;
const SHARED_TTL_MS = 300_000;
const NO_SUCH_PRODUCT_TTL_MS = 2_000;
const MAX_LOCAL_PRODUCTS = 100_000;
/** How NO_SUCH_PRODUCT is stored. No product is stored as a JSON string. */
const NO_SUCH_PRODUCT_TEXT = '"unknown"';

/**
 * Caches products in this process and, if there are shards, in Redis. Each TTL is shortened at random by up to a fifth, so
 * that what was cached together does not expire together.
 */
export function createRedisProductCache({ clock, random, shards, count }: ProductCacheDeps): ProductCache {
  const local = createTtlCache<number, LookedUp>({ clock, random }, MAX_LOCAL_PRODUCTS);
  const setLocal = (sku: number, answer: LookedUp) =>
    local.set(sku, answer, answer === NO_SUCH_PRODUCT ? NO_SUCH_PRODUCT_TTL_MS : LOCAL_TTL_MS);

  return {
    getLocal(sku) {
      const answer = local.get(sku);
      count('process', answer === undefined ? 'miss' : 'hit');
      return answer;
    },
    async getShared(sku) {
      if (shards === undefined) return undefined;
      try {
        const text = await shards.get(keyOf(sku));
        if (text === undefined) {
          count('redis', 'miss');
          return undefined;
        }
        const answer = fromText(text);
        count('redis', 'hit');
        setLocal(sku, answer);
        return answer;
      } catch {
        count('redis', 'error');
        return undefined;
      }
    },
    set(sku, answer) {
      setLocal(sku, answer);
      const ttlMs = (answer === NO_SUCH_PRODUCT ? NO_SUCH_PRODUCT_TTL_MS : SHARED_TTL_MS) * (1 - random() / 5);
      // Nobody waits for this write. When it fails, the product is looked up once more.
      shards?.set(keyOf(sku), toText(answer), ttlMs).catch(() => count('redis', 'error'));
    },
  };
}

/** The 1 is the version of the stored format: raise it when the format changes. */
const keyOf = (sku: number) => `tally:product:1:${sku}`;

function toText(answer: LookedUp): string {
  return answer === NO_SUCH_PRODUCT ? NO_SUCH_PRODUCT_TEXT : JSON.stringify({ name: answer.name, price: answer.price });
}

/** Parses what Redis holds. Others can write to Redis too, so whatever is not a product within the bounds throws. */
function fromText(text: string): LookedUp {
  if (text === NO_SUCH_PRODUCT_TEXT) return NO_SUCH_PRODUCT;
  const value: unknown = JSON.parse(text);
  if (!isProduct(value)) throw new Error('the product cache in Redis holds something that is not a product');
  return { name: value.name, price: value.price };
}
