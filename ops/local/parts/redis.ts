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
 * A redis-server for the limit and the cache, where one can be had: see `fetchProgram`. Undefined where none can, and
 * where the environment names others for both; the system then runs as well, with less in common.
 */
export async function prepareRedis({ root, env }: LocalConfig, steps: Steps): Promise<Program | undefined> {
  if (env['LIMITER_REDIS_URL'] && env['CACHE_REDIS_URLS']) return undefined;
  // In the checkout, like Bun: other state folders share it.
  const dir = join(root, '.local/redis');
  let program = findProgram(REDIS, dir);
  if (program !== undefined) return program;
  await steps.run('redis', async () => {
    program = await fetchProgram(REDIS, dir);
    if (program === undefined) return 'no redis-server can be had here: limit and cache stay in process';
    return `redis-server comes from ${program.origin}`;
  });
  return program;
}

export function planRedis(
  program: Program,
  { name, port: portName, holds }: RedisShape,
  { ports, root, stateDir }: LocalConfig,
): PlannedProcess {
  const port = ports[portName];
  const eviction = EVICTIONS[holds];
  const command = toRedisCommand({ program, port: port.port, maxMemoryMib: MEMORY_MIB, eviction });
  const env = { ...program.env, TZ: 'UTC' };
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
