import type { Clock } from './clock.ts';

export interface TtlCacheDeps {
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
}

export interface TtlCache<K, V> {
  get(key: K): V | undefined;
  /** Keeps it for `ttlMs`, or up to a fifth less: what was stored together does not end together. */
  set(key: K, value: V, ttlMs: number): void;
  readonly size: number;
}

/** A cache in this process. Past `maxEntries` it forgets what was used longest ago. */
export function createTtlCache<K, V>({ clock, random }: TtlCacheDeps, maxEntries: number): TtlCache<K, V> {
  // A Map keeps the order of insertion: the first key is the one used longest ago.
  const entries = new Map<K, { readonly value: V; readonly endsMs: number }>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      if (entry.endsMs <= clock.nowMs()) return undefined;
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, ttlMs) {
      entries.delete(key);
      entries.set(key, { value, endsMs: clock.nowMs() + ttlMs * (1 - random() / 5) });
      const [oldest] = entries.keys();
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
    },
    get size() {
      return entries.size;
    },
  };
}
