import {
  type BreakerState,
  type Clock,
  type TokenBucket,
  createBreaker,
  createTokenBucket,
} from '@tally/platform/concurrency';
import { detach, hopDeadline, judgeCall, limit, openGrpcClient, refuseWhileOpen, watch } from '@tally/platform/grpc';
import type { ServiceFrame } from '@tally/platform/lifecycle';
import {
  type Redis,
  type ShardedCache,
  createShardedCache,
  createSharedTokenBucket,
  openRedis,
} from '@tally/platform/redis';
import type { Log } from '@tally/platform/telemetry';
import { ProductService } from '@tally/proto/product';

import type { CartConfig } from './config.ts';
import { createProducts } from './products/look-up-products.ts';
import { createProductCacheMetrics } from './products/product-cache-metrics.ts';
import { createRedisProductCache } from './products/product-cache-redis.ts';
import { createGrpcProductService } from './products/product-service-grpc.ts';
import type { Products } from './products/products.ts';

/**
 * Maximum milliseconds for one call of the product service. When its caller goes away, the call still runs to its end.
 */
const CALL_LIMIT_MS = 2_000;
const MAX_WAITING_CALLS = 1_000;
/** The breaker opens after 5 failed calls in a row. From then on, one probe a second finds out whether it may close. */
const BREAKER_LIMITS = { maxFailures: 5, openMs: 1_000 } as const;
const LIMIT_KEY = 'tally:limit:product';
/**
 * Milliseconds that Redis may take to grant one call. After that, this instance falls back to its part of the limit.
 */
const LIMITER_COMMAND_LIMIT_MS = 250;
/** Milliseconds that a read of the shared cache may take. After that, it counts as a miss. */
const CACHE_COMMAND_LIMIT_MS = 100;
/** Milliseconds that the start waits for Redis. cart starts without Redis too, and connects to it later. */
const CONNECT_LIMIT_MS = 250;

type Frame = Pick<ServiceFrame, 'log' | 'metrics' | 'tracer' | 'loop'>;
type OpenRedis = (url: string, commandLimitMs: number) => Redis;

/**
 * Opens everything between cart and the product service: the caches, the limit of calls, and the client with its
 * interceptors.
 *
 * A call passes the interceptors in their order. It is refused while the breaker is open, so that it does not wait in
 * vain. Then it waits for its turn at the limit. Then it runs through the breaker, which may have opened meanwhile, and
 * which counts its outcome.
 */
export async function openProducts(frame: Frame, config: CartConfig, stack: AsyncDisposableStack): Promise<Products> {
  const { log, metrics, tracer, loop } = frame;
  const { clock, random } = loop;
  const open: OpenRedis = (url, commandLimitMs) => {
    const address = new URL(url).host;
    const onChange = (isConnected: boolean, error?: unknown) =>
      isConnected
        ? log.info({ address }, 'connected to Redis')
        : log.warn({ address, error }, 'cannot reach Redis: retrying');
    return stack.use(openRedis({ url, name: config.name, commandLimitMs, random, onChange }));
  };
  const bucket = await openBucket(frame, config, open);
  const shards = await openShards(clock, config.cacheRedisUrls, open);
  logSetUp(log, config);
  const breaker = createBreaker({ clock, judge: judgeCall, onChange: logOutages(log) }, BREAKER_LIMITS);
  const client = openGrpcClient(ProductService, {
    addresses: config.productAddresses,
    tracer,
    interceptors: [
      hopDeadline(clock.nowMs),
      refuseWhileOpen(breaker),
      limit(bucket),
      watch(breaker),
      detach(clock.nowMs, CALL_LIMIT_MS),
    ],
  });
  const cache = createRedisProductCache({ clock, random, shards, count: createProductCacheMetrics(metrics) });
  const service = createGrpcProductService({
    clock,
    random,
    log,
    client: stack.use(client),
    token: config.productToken,
  });
  return createProducts({ service, cache, clock });
}

async function openBucket({ log, loop }: Frame, config: CartConfig, open: OpenRedis): Promise<TokenBucket> {
  const { productCallsPerSecond: ratePerSecond, productCallBurst: burst, instances, limiterRedisUrl } = config;
  const { clock } = loop;
  const maxWaiting = MAX_WAITING_CALLS;
  if (limiterRedisUrl === undefined) {
    return createTokenBucket(clock, { ratePerSecond: ratePerSecond / instances, burst, maxWaiting });
  }
  const redis = open(limiterRedisUrl, LIMITER_COMMAND_LIMIT_MS);
  const onChange = (isShared: boolean) =>
    isShared
      ? log.info({}, 'the limit of product calls is shared through Redis again')
      : log.warn({ instances }, 'the limit of product calls cannot be shared: this instance uses its own part of it');
  const limits = { key: LIMIT_KEY, ratePerSecond, burst, instances, maxWaiting };
  const bucket = createSharedTokenBucket({ clock, redis, onChange }, limits);
  await redis.untilReady(CONNECT_LIMIT_MS);
  return bucket;
}

async function openShards(clock: Clock, urls: readonly string[], open: OpenRedis): Promise<ShardedCache | undefined> {
  if (urls.length === 0) return undefined;
  const shards = urls.map((url) => open(url, CACHE_COMMAND_LIMIT_MS));
  await Promise.all(shards.map((shard) => shard.untilReady(CONNECT_LIMIT_MS)));
  return createShardedCache({ clock, shards });
}

function logSetUp(log: Log, { limiterRedisUrl, cacheRedisUrls, instances }: CartConfig): void {
  const isShared = limiterRedisUrl !== undefined;
  const cacheShards = cacheRedisUrls.length;
  const limitText = isShared ? 'shared through Redis' : `kept in this process, which uses 1/${instances} of it`;
  const cacheText =
    cacheShards === 0
      ? 'in this process only'
      : `in this process and in Redis, on ${cacheShards} ${cacheShards === 1 ? 'shard' : 'shards'}`;
  log.info(
    { limit: isShared ? 'in Redis' : 'in process', cacheShards },
    `the limit of product calls is ${limitText}; the product cache is ${cacheText}`,
  );
}

/** Logs when the breaker opens and when the product service is back. The probes in between are not logged. */
function logOutages(log: Log): (state: BreakerState) => void {
  let isAway = false;
  return (state) => {
    if (state === 'half-open' || isAway === (state === 'open')) return;
    isAway = state === 'open';
    if (isAway)
      log.warn({}, 'the product service does not answer: look-ups fail at once, except for one probe a second');
    else log.info({}, 'the product service answers again');
  };
}
