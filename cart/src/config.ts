import type { ConfigReader } from '@tally/platform/config';
import { type ServiceConfig, readServiceConfig } from '@tally/platform/lifecycle';

export interface CartConfig extends ServiceConfig {
  readonly lomsAddresses: readonly string[];
  readonly productAddresses: readonly string[];
  /** Token for the product service, used for callers that bring none of their own. */
  readonly productToken: string;
  /** Maximum rate of calls to the product service, over all instances. */
  readonly productCallsPerSecond: number;
  /**
   * Maximum number of calls to the product service that go out together after a pause. It applies to all instances
   * together if `limiterRedisUrl` is set, and otherwise to each of them.
   */
  readonly productCallBurst: number;
  /** Number of instances of cart. While Redis does not share the limit among them, each uses an equal part of it. */
  readonly instances: number;
  /** Redis through which the instances share the limit. Undefined: each instance uses its equal part. */
  readonly limiterRedisUrl: string | undefined;
  /** Shards of the product cache that the instances share. None: each instance caches alone. */
  readonly cacheRedisUrls: readonly string[];
  /** Maximum number of product look-ups that run at once, over all List calls. */
  readonly lookUpWorkers: number;
  /** Maximum number of product look-ups that wait for a worker. A List call that would exceed it is refused. */
  readonly maxQueuedLookUps: number;
  /** Milliseconds between two searches for open checkouts that nobody works on. */
  readonly resumeIntervalMs: number;
}

const REDIS = ['redis', 'rediss'];

export function readCartConfig(reader: ConfigReader): CartConfig {
  return {
    ...readServiceConfig(reader, 'cart', { grpcPort: 8083, adminPort: 8081 }),
    lomsAddresses: reader.addresses('LOMS_ADDRESS', 'Addresses of loms.', '127.0.0.1:9083'),
    productAddresses: reader.addresses('PRODUCT_ADDRESS', 'Addresses of the product service.', '127.0.0.1:8082'),
    productToken: reader.text('PRODUCT_TOKEN', 'Token for the product service, unless a call brings its own.'),
    productCallsPerSecond: reader.integer(
      'CART_PRODUCT_CALLS_PER_SECOND',
      'Maximum rate of calls to the product service, over all instances.',
      {
        fallback: 10,
        min: 1,
        max: 10_000,
        unit: 'calls/s',
      },
    ),
    productCallBurst: reader.integer(
      'CART_PRODUCT_CALL_BURST',
      'Maximum number of product calls that go out together after a pause.',
      {
        fallback: 1,
        min: 1,
        max: 1_000,
        unit: 'calls',
      },
    ),
    instances: reader.integer(
      'CART_INSTANCES',
      'Number of instances of cart, which share the limit of product calls.',
      {
        fallback: 1,
        min: 1,
        max: 1_000,
        unit: 'instances',
      },
    ),
    limiterRedisUrl: reader.optionalUrl(
      'LIMITER_REDIS_URL',
      'Redis through which the instances share the limit; without it each takes an equal part.',
      REDIS,
    ),
    cacheRedisUrls: reader.optionalUrls(
      'CACHE_REDIS_URLS',
      'Redis shards of the product cache; without them only the cache in the process is used.',
      REDIS,
    ),
    lookUpWorkers: reader.integer('CART_LOOK_UP_WORKERS', 'Maximum number of product look-ups that run at once.', {
      fallback: 64,
      min: 1,
      max: 1_000,
      unit: 'look-ups',
    }),
    maxQueuedLookUps: reader.integer(
      'CART_MAX_QUEUED_LOOK_UPS',
      'Maximum number of product look-ups that wait; a List call that would exceed it is refused.',
      {
        fallback: 10_000,
        min: 1_000,
        max: 1_000_000,
        unit: 'look-ups',
      },
    ),
    resumeIntervalMs: reader.integer('CART_RESUME_INTERVAL_MS', 'Pause between two searches for checkouts to resume.', {
      fallback: 500,
      min: 10,
      max: 60_000,
      unit: 'ms',
    }),
  };
}
