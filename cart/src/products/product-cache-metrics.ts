import { Counter, type Registry } from '@tally/platform/telemetry';

import type { ProductCacheDeps } from './product-cache-redis.ts';

/** Counts how the questions to each layer of the product cache end. */
export function createProductCacheWatch(metrics: Registry): ProductCacheDeps['count'] {
  const questions = new Counter({
    name: 'cart_product_cache_total',
    help: 'Questions to the product cache, by layer and by how they ended.',
    labelNames: ['layer', 'outcome'],
    registers: [metrics],
  });
  return (layer, outcome) => questions.inc({ layer, outcome });
}
