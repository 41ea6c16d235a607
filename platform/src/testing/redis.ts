import { join, resolve } from 'node:path';

import {
  type EmbeddedRedis,
  type EmbeddedRedisOptions,
  type Program,
  REDIS,
  fetchProgram,
  freePort,
  startEmbeddedRedis,
} from '../embedded/index.ts';

const ROOT = resolve(import.meta.dir, '../../..');
const MAX_MEMORY_MIB = 16;
const MISSING = "there is no redis-server on PATH, and it could not be unpacked from Debian's packages";

let program: Promise<Program | undefined> | undefined;

/** Returns a redis-server for tests, or undefined where there is none. */
export function redisForTests(): Promise<Program | undefined> {
  program ??= fetchProgram(REDIS, join(ROOT, '.local/redis'));
  return program;
}

/** Returns why tests cannot have a Redis; undefined when they can. */
export async function missingRedis(): Promise<string | undefined> {
  return (await redisForTests()) === undefined ? MISSING : undefined;
}

/** A Redis of one test, which can be killed and started again on the same port. Disposing ends it. */
export interface TestRedis extends AsyncDisposable, Pick<EmbeddedRedis, 'port' | 'url' | 'kill'> {
  /** Stops the process: it keeps its connections and answers nothing, like a machine that hangs. */
  pause(): void;
  resume(): void;
  /** Starts the server again, with nothing in its memory. */
  start(): Promise<void>;
}

/** Starts a Redis with 16 MiB of memory. Throws when `missingRedis` has a reason. */
export async function openTestRedis(eviction: EmbeddedRedisOptions['eviction'] = 'noeviction'): Promise<TestRedis> {
  const found = await redisForTests();
  if (found === undefined) throw new Error(MISSING);
  const options = { program: found, port: freePort(), maxMemoryMib: MAX_MEMORY_MIB, eviction };
  let server = await startEmbeddedRedis(options);
  return {
    port: server.port,
    url: server.url,
    kill: () => server.kill(),
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    async start() {
      server = await startEmbeddedRedis(options);
    },
    [Symbol.asyncDispose]: () => server.kill(),
  };
}
