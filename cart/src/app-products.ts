import {
  type BreakerState,
  type Clock,
  type TokenBucket,
  createBreaker,
  createTokenBucket,
} from '@tally/platform/concurrency';
import { detach, hopDeadline, judgeCall, limit, openGrpcClient, refuseWhileOpen, watch } from '@tally/platform/grpc';
import type { ServiceFrame } from '@tally/platform/lifecycle';
import type { Log } from '@tally/platform/telemetry';
import { createSharedTokenBucket, createShardedCache, openRedis } from '@tally/platform/redis';
import { ProductService } from '@tally/proto/product';

import type { Products } from './items/add-item.ts';
import type { CartConfig } from './config.ts';
import { createProductCache } from './products/product-cache-redis.ts';
import { createProductCacheWatch } from './products/product-cache-metrics.ts';
import { createProducts } from './products/look-up-products.ts';

const CALL_LIMIT_MS = 2_000;
const MAX_WAITING_CALLS = 1_000;
// A product service that stays away is asked once a second.
const PATIENCE = { maxFailures: 5, openMs: 1_000 } as const;
const LIMIT_KEY = 'tally:limit:product';
/** Without an answer an instance falls to its part of the limit. */
const LIMITER_COMMAND_LIMIT_MS = 250;
/** What a cache may cost at most before it is done without. */
const CACHE_COMMAND_LIMIT_MS = 100;
/** So that the first calls find Redis, where there is one; it is no condition of the start. */
const CONNECT_LIMIT_MS = 250;

type Frame = Pick<ServiceFrame, 'log' | 'metrics' | 'tracer' | 'loop'>;
type Open = (url: string, commandLimitMs: number) => ReturnType<typeof openRedis>;

/** Everything between cart and the product service: limit, breaker, retries and cache. */
export async function openProducts(frame: Frame, config: CartConfig, stack: AsyncDisposableStack): Promise<Products> {
  const { log, loop, tracer } = frame;
  const { clock, random } = loop;
  const open: Open = (url, commandLimitMs) => {
    const address = new URL(url).host;
    const onChange = (isThere: boolean, error?: unknown) =>
      isThere ? log.info({ address }, 'Redis is there') : log.warn({ address, error }, 'Redis is away');
    return stack.use(openRedis({ url, name: config.name, commandLimitMs, random, onChange }));
  };
  const bucket = await openBucket(frame, config, open);
  const shards = await openShards(clock, config, open);
  log.info(
    {
      limit: config.limiterRedisUrl === undefined ? 'in process' : 'in Redis',
      cacheShards: config.cacheRedisUrls.length,
    },
    describe(config),
  );
  const breaker = createBreaker({ clock, judge: judgeCall, onChange: announceIn(log) }, PATIENCE);
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
  const cache = createProductCache({ clock, random, shards, count: createProductCacheWatch(frame.metrics) });
  return createProducts({ clock, random, log, cache, client: stack.use(client), token: config.productToken });
}

/** Says when the product service goes away and when it is back, and nothing of the probes between. */
function announceIn(log: Log): (state: BreakerState) => void {
  let isAway = false;
  return (state) => {
    if (state === 'half-open' || isAway === (state === 'open')) return;
    isAway = state === 'open';
    if (isAway) log.warn({}, 'the product service stays away: look-ups fail at once, but for one a second');
    else log.info({}, 'the product service answers again');
  };
}

function describe({ limiterRedisUrl, cacheRedisUrls, instances }: CartConfig): string {
  const limit = limiterRedisUrl === undefined ? `in process, for 1 of ${instances} instances` : 'shared through Redis';
  const shards = cacheRedisUrls.length;
  return `the limit of product calls is ${limit}; the product cache is in process${shards > 0 ? ` and on ${shards} ${shards === 1 ? 'shard' : 'shards'} of Redis` : ' alone'}`;
}

async function openBucket({ log, loop }: Frame, config: CartConfig, open: Open): Promise<TokenBucket> {
  const { productCallsPerSecond: ratePerSecond, productCallBurst: burst, instances, limiterRedisUrl } = config;
  const { clock } = loop;
  const maxWaiting = MAX_WAITING_CALLS;
  if (limiterRedisUrl === undefined) {
    return createTokenBucket(clock, { ratePerSecond: ratePerSecond / instances, burst, maxWaiting });
  }
  const redis = open(limiterRedisUrl, LIMITER_COMMAND_LIMIT_MS);
  const onChange = (isShared: boolean) =>
    isShared
      ? log.info({}, 'the limit of product calls is shared again')
      : log.warn({ instances }, 'the limit of product calls is not shared: this instance keeps to its part');
  const limits = { key: LIMIT_KEY, ratePerSecond, burst, instances, maxWaiting };
  const bucket = createSharedTokenBucket({ clock, redis, onChange }, limits);
  await redis.untilReady(CONNECT_LIMIT_MS);
  return bucket;
}

async function openShards(clock: Clock, { cacheRedisUrls }: CartConfig, open: Open) {
  if (cacheRedisUrls.length === 0) return undefined;
  const shards = cacheRedisUrls.map((url) => open(url, CACHE_COMMAND_LIMIT_MS));
  await Promise.all(shards.map((shard) => shard.untilReady(CONNECT_LIMIT_MS)));
  return createShardedCache({ clock, shards });
}
