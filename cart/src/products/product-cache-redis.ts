import { type Clock, createTtlCache } from '@tally/platform/concurrency';
import type { ShardedCache } from '@tally/platform/redis';

import { type Found, UNKNOWN, isProduct } from '../carts/product.ts';

/** Products that were looked up before, in two layers. It never fails: what cannot be had is not there. */
export interface ProductCache {
  /** What this process knows. */
  near(sku: number): Found | undefined;
  /** What the instances know together; this process knows it from then on. */
  far(sku: number): Promise<Found | undefined>;
  keep(sku: number, found: Found): void;
}

export type CacheLayer = 'process' | 'redis';
export type CacheOutcome = 'hit' | 'miss' | 'error';

export interface ProductCacheDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Undefined: there is the process's own layer alone. */
  readonly shards: ShardedCache | undefined;
  /** Told how each question to a layer ended. */
  readonly count: (layer: CacheLayer, outcome: CacheOutcome) => void;
}

// A product's name and price hardly ever change, and its service allows ten calls a second in all: five minutes keep 3,000
// of them at hand. A change is seen after six minutes at the latest: five in Redis and one here.
const NEAR_TTL_MS = 60_000;
const FAR_TTL_MS = 300_000;
const UNKNOWN_TTL_MS = 2_000;
const MAX_NEAR_PRODUCTS = 100_000;
/** No product looks like this. */
const UNKNOWN_TEXT = '"unknown"';

export function createProductCache({ clock, random, shards, count }: ProductCacheDeps): ProductCache {
  const known = createTtlCache<number, Found>({ clock, random }, MAX_NEAR_PRODUCTS);
  const keepNear = (sku: number, found: Found) =>
    known.set(sku, found, found === UNKNOWN ? UNKNOWN_TTL_MS : NEAR_TTL_MS);

  return {
    near(sku) {
      const found = known.get(sku);
      count('process', found === undefined ? 'miss' : 'hit');
      return found;
    },
    async far(sku) {
      if (shards === undefined) return undefined;
      try {
        const text = await shards.get(keyOf(sku));
        if (text === undefined) {
          count('redis', 'miss');
          return undefined;
        }
        const found = fromText(text);
        count('redis', 'hit');
        keepNear(sku, found);
        return found;
      } catch {
        count('redis', 'error');
        return undefined;
      }
    },
    keep(sku, found) {
      keepNear(sku, found);
      const ttlMs = (found === UNKNOWN ? UNKNOWN_TTL_MS : FAR_TTL_MS) * (1 - random() / 5);
      // Nobody waits for it; one that fails is asked for again.
      shards?.set(keyOf(sku), toText(found), ttlMs).catch(() => count('redis', 'error'));
    },
  };
}

/** With the version of what lies under it: another form of it gets another one. */
const keyOf = (sku: number) => `tally:product:1:${sku}`;

function toText(found: Found): string {
  return found === UNKNOWN ? UNKNOWN_TEXT : JSON.stringify({ name: found.name, price: found.price });
}

/** Others may write into Redis too: throws where it is nothing that we would have written. */
function fromText(text: string): Found {
  if (text === UNKNOWN_TEXT) return UNKNOWN;
  const value: unknown = JSON.parse(text);
  if (!isProduct(value)) throw new Error('what lies in the cache is no product');
  return { name: value.name, price: value.price };
}
