import { type Clock, createTtlCache } from '@tally/platform/concurrency';
import type { ShardedCache } from '@tally/platform/redis';

import { isProduct } from '../carts/product.ts';
import { type LookedUp, NO_SUCH_PRODUCT, type ProductCache } from './products.ts';

export interface ProductCacheDeps {
  readonly clock: Clock;
  /** Returns 0 to 1. */
  readonly random: () => number;
  /** The shards of Redis. Undefined: products are cached in this process only. */
  readonly shards: ShardedCache | undefined;
  /** Counts how each read of a layer ended, and each write to Redis that failed. */
  readonly count: (layer: 'process' | 'redis', outcome: 'hit' | 'miss' | 'error') => void;
}

// Names and prices hardly ever change, but the product service allows only ten calls a second over all instances. When
// products stay in Redis for five minutes, these calls keep 3,000 of them cached. A change of a product is visible
// after at most six minutes: five in Redis, and one in the process.
const LOCAL_TTL_MS = 60_000;
const SHARED_TTL_MS = 300_000;
const NO_SUCH_PRODUCT_TTL_MS = 2_000;
const MAX_LOCAL_PRODUCTS = 100_000;
/**
 * What stands for NO_SUCH_PRODUCT in Redis. It cannot be taken for a product, since a product is stored as an object.
 */
const NO_SUCH_PRODUCT_TEXT = '"unknown"';

/**
 * Caches products in this process and, if there are shards, in Redis. Each TTL is shortened at random by up to a fifth,
 * so that products that were cached at the same time do not expire at the same time.
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

/** Returns the key of a product. The 1 is the version of the stored format: raise it when the format changes. */
const keyOf = (sku: number) => `tally:product:1:${sku}`;

function toText(answer: LookedUp): string {
  return answer === NO_SUCH_PRODUCT ? NO_SUCH_PRODUCT_TEXT : JSON.stringify({ name: answer.name, price: answer.price });
}

/**
 * Parses what Redis holds. Throws when it is not a product within the bounds, since other programs can write there too.
 */
function fromText(text: string): LookedUp {
  if (text === NO_SUCH_PRODUCT_TEXT) return NO_SUCH_PRODUCT;
  const value: unknown = JSON.parse(text);
  if (!isProduct(value)) throw new Error('the product cache in Redis holds something that is not a product');
  return { name: value.name, price: value.price };
}
