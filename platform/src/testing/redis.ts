import { join, resolve } from 'node:path';

import {
  type EmbeddedRedis,
  type EmbeddedRedisOptions,
  type RedisPrograms,
  fetchRedisPrograms,
  freePort,
  startEmbeddedRedis,
} from '../embedded/index.ts';

const ROOT = resolve(import.meta.dir, '../../..');
const MAX_MEMORY_MIB = 16;

let programs: Promise<RedisPrograms | undefined> | undefined;

/** A redis-server for tests; undefined where none can be had, and then what needs one is skipped by name. */
export function redisForTests(): Promise<RedisPrograms | undefined> {
  programs ??= fetchRedisPrograms(join(ROOT, '.local/redis'));
  return programs;
}

/** A server of a test's own, to be killed and started again on the same port. Disposing ends it. */
export interface TestRedis extends AsyncDisposable, Pick<EmbeddedRedis, 'port' | 'url' | 'kill' | 'pause' | 'resume'> {
  /** Again, with nothing in its memory. */
  start(): Promise<void>;
}

export async function openTestRedis(eviction: EmbeddedRedisOptions['eviction'] = 'noeviction'): Promise<TestRedis> {
  const found = await redisForTests();
  if (found === undefined) throw new Error('there is no redis-server: skip what needs one');
  const options = { programs: found, port: freePort(), maxMemoryMib: MAX_MEMORY_MIB, eviction };
  let server = await startEmbeddedRedis(options, 'parent');
  return {
    port: server.port,
    url: server.url,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async start() {
      server = await startEmbeddedRedis(options, 'parent');
    },
    [Symbol.asyncDispose]: () => server.kill(),
  };
}
