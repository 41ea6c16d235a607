import { type EmbeddedRedisOptions, type Program, REDIS, toRedisCommand } from '@tally/platform/embedded';

import type { LocalConfig } from '../config.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import type { RedisShape } from '../plan/shape.ts';
import type { Steps } from '../run/steps.ts';
import { planPart } from './part.ts';
import { prepareProgram } from './program.ts';

const MAX_MEMORY_MIB = 64;
const STOP_LIMIT_MS = 5_000;

/**
 * What a server drops when its memory is full. A server that holds both the limit and a cache drops only keys with a
 * TTL, and the keys of the limit have none.
 */
const EVICTIONS: Record<RedisShape['holds'], EmbeddedRedisOptions['eviction']> = {
  limit: 'noeviction',
  cache: 'allkeys-lru',
  both: 'volatile-lru',
};

/**
 * Returns a redis-server, or undefined where none is available; each instance then has a limit and a cache of its own.
 * Also returns undefined if the environment names other servers for both the limit and the cache.
 */
export async function prepareRedis(config: LocalConfig, steps: Steps): Promise<Program | undefined> {
  if (config.env['LIMITER_REDIS_URL'] && config.env['CACHE_REDIS_URLS']) return undefined;
  const missing = 'no redis-server is available: limit and cache stay in each process';
  return await prepareProgram('redis', REDIS, config, steps, missing);
}

export function planRedis(
  program: Program,
  { name, portVariable, holds }: RedisShape,
  config: LocalConfig,
): PlannedProcess {
  const port = config.port(portVariable);
  const options = { program, port: port.port, maxMemoryMib: MAX_MEMORY_MIB, eviction: EVICTIONS[holds] };
  return planPart(config, {
    name,
    command: toRedisCommand(options),
    // Redis then writes the times of its log in UTC, as the other parts do.
    env: { ...program.env, TZ: 'UTC' },
    ports: [port],
    readyUrl: `redis://127.0.0.1:${port.port}`,
    stopLimitMs: STOP_LIMIT_MS,
  });
}
