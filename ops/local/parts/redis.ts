import { join } from 'node:path';

import {
  type EmbeddedRedisOptions,
  type RedisPrograms,
  fetchRedisPrograms,
  findRedisPrograms,
  toRedisCommand,
} from '@tally/platform/embedded';

import type { LocalConfig } from '../config.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';
import type { RedisShape } from '../plan/shape.ts';
import type { Steps } from '../run/steps.ts';

const MEMORY_MIB = 64;
const STOP_LIMIT_MS = 5_000;

/** On one server for both, only what has a TTL is dropped when it is full, and the limit has none. */
const EVICTIONS: Record<RedisShape['holds'], EmbeddedRedisOptions['eviction']> = {
  limit: 'noeviction',
  cache: 'allkeys-lru',
  both: 'volatile-lru',
};

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

export function planRedis(
  programs: RedisPrograms,
  { name, port: portName, holds }: RedisShape,
  { ports, root, stateDir }: LocalConfig,
): PlannedProcess {
  const port = ports[portName];
  const eviction = EVICTIONS[holds];
  const command = toRedisCommand({ programs, port: port.port, maxMemoryMib: MEMORY_MIB, eviction });
  const env = { ...programs.env, TZ: 'UTC' };
  return {
    name,
    command,
    env,
    ports: [port],
    readyUrl: `redis://127.0.0.1:${port.port}`,
    logPath: join(toRunFiles(stateDir).logs, `${name}.log`),
    stopLimitMs: STOP_LIMIT_MS,
    fingerprint: toFingerprint([command, env], root, []),
  };
}
