import { type ServerPackage, type ServerPrograms, fetchServerPrograms, findServerPrograms } from './programs/debian.ts';

/** A redis-server that can be run. */
export type RedisPrograms = ServerPrograms;

const REDIS: ServerPackage = { packages: ['redis-server', 'redis-tools'], path: 'usr/bin/redis-server' };

/** A redis-server without root, where one can be had: see `fetchServerPrograms`. */
export function fetchRedisPrograms(dir: string, lists?: string): Promise<RedisPrograms | undefined> {
  return fetchServerPrograms(REDIS, dir, lists);
}

/** The redis-server that is there already; nothing is downloaded. */
export function findRedisPrograms(dir: string): RedisPrograms | undefined {
  return findServerPrograms(REDIS, dir);
}
