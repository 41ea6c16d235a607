import { type Breaker, BreakerOpenError, type Clock, createBreaker } from '../concurrency/index.ts';
import { type Redis, RedisAwayError } from './client.ts';
import { createRendezvous } from './rendezvous.ts';

/** A cache of texts in several Redis servers. When a server is away, only its own keys are missing. */
export interface ShardedCache {
  /**
   * Resolves with undefined when the key is not cached. Rejects with RedisAwayError when its shard does not answer: at
   * once while the shard is known to be away, otherwise after the command limit of its connection.
   */
  get(key: string): Promise<string | undefined>;
  /** Stores a value for `ttlMs`, rounded to whole milliseconds, at least one. Rejects like `get`. */
  set(key: string, value: string, ttlMs: number): Promise<void>;
}

/** Dependencies of a sharded cache. */
interface ShardedCacheDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** At least one. All processes must use the same addresses, because an address decides which keys the shard holds. */
  readonly shards: readonly Pick<Redis, 'address' | 'send'>[];
}

// After three failures in a row, a shard gets one command a second.
const BREAKER_LIMITS = { maxFailures: 3, openMs: 1_000 } as const;

/** Creates a cache that distributes its keys over the shards by rendezvous hashing, see `createRendezvous`. */
export function createShardedCache({ clock, shards }: ShardedCacheDeps): ShardedCache {
  const place = createRendezvous(shards.map(({ address }) => address));
  const judge = (error: unknown) => (error instanceof RedisAwayError ? 'failure' : 'success');
  const guarded = shards.map((shard): { shard: Pick<Redis, 'send'>; breaker: Breaker } => ({
    shard,
    breaker: createBreaker({ clock, judge }, BREAKER_LIMITS),
  }));

  async function ask(key: string, ...command: readonly string[]): Promise<unknown> {
    const at = guarded[place(key)];
    if (at === undefined) throw new Error('a cache needs at least one shard');
    try {
      return await at.breaker.run(() => at.shard.send(...command));
    } catch (error) {
      if (error instanceof BreakerOpenError) throw new RedisAwayError('the shard is away', { cause: error });
      throw error;
    }
  }

  return {
    async get(key) {
      const value = await ask(key, 'GET', key);
      return typeof value === 'string' ? value : undefined;
    },
    async set(key, value, ttlMs) {
      await ask(key, 'SET', key, value, 'PX', String(Math.max(1, Math.round(ttlMs))));
    },
  };
}
