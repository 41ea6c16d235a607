import { LRUCache } from 'lru-cache';

import type { Clock } from './clock.ts';

/** Dependencies of a cache. */
interface TtlCacheDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Returns a number from 0 to 1. */
  readonly random: () => number;
}

/** A cache in this process whose entries expire. */
interface TtlCache<K, V> {
  get(key: K): V | undefined;
  /** Stores a value for `ttlMs`, shortened by up to a fifth at random so that entries stored together expire apart. */
  set(key: K, value: V, ttlMs: number): void;
}

/** Creates a cache. When it holds more than `maxEntries`, it drops the entry that was used least recently. */
export function createTtlCache<K extends {}, V extends {}>(
  { clock, random }: TtlCacheDeps,
  maxEntries: number,
): TtlCache<K, V> {
  // With any other resolution, the cache would remember the time for a while, by a timer instead of this clock.
  const entries = new LRUCache<K, V>({ max: maxEntries, perf: { now: () => clock.nowMs() }, ttlResolution: 0 });
  return {
    get: (key) => entries.get(key),
    set(key, value, ttlMs) {
      entries.set(key, value, { ttl: ttlMs * (1 - random() / 5) });
    },
  };
}
