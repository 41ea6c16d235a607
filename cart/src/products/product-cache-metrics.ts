import { Counter, type Registry } from '@tally/platform/telemetry';

import type { ProductCacheDeps } from './product-cache-redis.ts';

/** Counts reads of the product cache in `cart_product_cache_total`. */
export function createProductCacheMetrics(metrics: Registry): ProductCacheDeps['count'] {
  const reads = new Counter({
    name: 'cart_product_cache_total',
    help: 'Reads of the product cache, by layer and outcome. Failed writes to Redis count as errors.',
    labelNames: ['layer', 'outcome'],
    registers: [metrics],
  });
  return (layer, outcome) => reads.inc({ layer, outcome });
}
