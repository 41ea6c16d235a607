import { join } from 'node:path';

import { type RedisPrograms, fetchRedisPrograms, findRedisPrograms } from '@tally/platform/redis';

import type { LocalConfig } from './config.ts';
import type { Steps } from './steps.ts';

/**
 * A redis-server for the limit and the cache, where one can be had: see `fetchRedisPrograms`. Undefined where none can, and
 * where the environment names others for both; the system then runs as well, with less in common.
 */
export async function prepareRedis({ root, env }: LocalConfig, steps: Steps): Promise<RedisPrograms | undefined> {
  if (env['LIMITER_REDIS_URL'] && env['CACHE_REDIS_URLS']) return undefined;
  // In the checkout, like Bun: other state folders share it.
  const dir = join(root, '.local/redis');
  let programs = findRedisPrograms(dir);
  if (programs !== undefined) return programs;
  await steps.run('redis', async () => {
    programs = await fetchRedisPrograms(dir);
    if (programs === undefined) return 'no redis-server can be had here: limit and cache stay in process';
    return `redis-server comes from ${programs.origin}`;
  });
  return programs;
}
