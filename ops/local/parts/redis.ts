import { join } from 'node:path';

import {
  type EmbeddedRedisOptions,
  type Program,
  REDIS,
  fetchProgram,
  findProgram,
  toRedisCommand,
} from '@tally/platform/embedded';

import type { LocalConfig } from '../config.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import type { RedisShape } from '../plan/shape.ts';
import type { Steps } from '../run/steps.ts';
import { planPart } from './part.ts';

const MAX_MEMORY_MIB = 64;
const STOP_LIMIT_MS = 5_000;

/** What a full server drops. On a server for both, only keys with a TTL are dropped, and the limit has no TTL. */
const EVICTIONS: Record<RedisShape['holds'], EmbeddedRedisOptions['eviction']> = {
  limit: 'noeviction',
  cache: 'allkeys-lru',
  both: 'volatile-lru',
};

/**
 * Returns a redis-server, fetched once for a checkout. Returns undefined where none is available, and where the environment
 * names other servers for both the limit and the cache; the instances then share less.
 */
export async function prepareRedis({ root, env }: LocalConfig, steps: Steps): Promise<Program | undefined> {
  if (env['LIMITER_REDIS_URL'] && env['CACHE_REDIS_URLS']) return undefined;
  const dir = join(root, '.local/redis');
  const found = findProgram(REDIS, dir);
  if (found !== undefined) return found;
  let fetched: Program | undefined;
  await steps.run('redis', async () => {
    fetched = await fetchProgram(REDIS, dir);
    if (fetched === undefined) return 'no redis-server is available: limit and cache stay in each process';
    return `redis-server comes from ${fetched.origin}`;
  });
  return fetched;
}

export function planRedis(
  program: Program,
  { name, port: variable, holds }: RedisShape,
  config: LocalConfig,
): PlannedProcess {
  const port = config.port(variable);
  const options = { program, port: port.port, maxMemoryMib: MAX_MEMORY_MIB, eviction: EVICTIONS[holds] };
  return planPart(config, {
    name,
    command: toRedisCommand(options),
    // The log's times are in UTC, as those of the other parts.
    env: { ...program.env, TZ: 'UTC' },
    ports: [port],
    readyUrl: `redis://127.0.0.1:${port.port}`,
    stopLimitMs: STOP_LIMIT_MS,
  });
}
