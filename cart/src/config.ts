import type { ConfigReader } from '@tally/platform/config';
import { type ServiceConfig, readServiceConfig } from '@tally/platform/lifecycle';

export interface CartConfig extends ServiceConfig {
  readonly lomsAddresses: readonly string[];
  readonly productAddresses: readonly string[];
  readonly productToken: string;
  /** Product calls in a second, over all instances together, and how many may go at once after a rest. */
  readonly productCallsPerSecond: number;
  readonly productCallBurst: number;
  /** Instances of this service, among which the limit is parted while they cannot share it. */
  readonly instances: number;
  /** The Redis through which the instances share the limit; undefined: each keeps its part. */
  readonly limiterRedisUrl: string | undefined;
  /** The shards of the product cache that the instances share; none: each has its own alone. */
  readonly cacheRedisUrls: readonly string[];
  /** Product look-ups of all List calls together that may run at once. */
  readonly lookUpWorkers: number;
  /** Look-ups that may wait for a worker; the next one is refused. */
  readonly maxQueuedLookUps: number;
  /** How often open checkouts are looked for that nobody works on. */
  readonly resumeIntervalMs: number;
}

const REDIS = ['redis', 'rediss'];

export function readCartConfig(reader: ConfigReader): CartConfig {
  return {
    ...readServiceConfig(reader, 'cart', { grpcPort: 8083, adminPort: 8081 }),
    lomsAddresses: reader.addresses('LOMS_ADDRESS', 'where loms answers gRPC', '127.0.0.1:9083'),
    productAddresses: reader.addresses('PRODUCT_ADDRESS', 'where the product service answers gRPC', '127.0.0.1:8082'),
    productToken: reader.text('PRODUCT_TOKEN', 'token for the product service'),
    productCallsPerSecond: reader.integer('CART_PRODUCT_CALLS_PER_SECOND', 'product calls of all instances together', {
      fallback: 10,
      min: 1,
      max: 10_000,
    }),
    productCallBurst: reader.integer('CART_PRODUCT_CALL_BURST', 'product calls at once after a rest', {
      fallback: 1,
      min: 1,
      max: 1_000,
    }),
    instances: reader.integer('CART_INSTANCES', 'instances of cart, each with its part of the limit without Redis', {
      fallback: 1,
      min: 1,
      max: 1_000,
    }),
    limiterRedisUrl: reader.optionalUrl('LIMITER_REDIS_URL', 'Redis that holds the limit of product calls', REDIS),
    cacheRedisUrls: reader.optionalUrls('CACHE_REDIS_URLS', 'Redis shards of the product cache', REDIS),
    lookUpWorkers: reader.integer('CART_LOOK_UP_WORKERS', 'product look-ups that run at once', {
      fallback: 64,
      min: 1,
      max: 1_000,
    }),
    maxQueuedLookUps: reader.integer('CART_MAX_QUEUED_LOOK_UPS', 'product look-ups that may wait', {
      fallback: 10_000,
      min: 1_000,
      max: 1_000_000,
    }),
    resumeIntervalMs: reader.integer('CART_RESUME_INTERVAL_MS', 'how often abandoned checkouts are looked for', {
      fallback: 500,
      min: 10,
      max: 60_000,
    }),
  };
}
