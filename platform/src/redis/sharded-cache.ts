import { type Breaker, BreakerOpenError, type Clock, createBreaker } from '../concurrency/index.ts';
import { type Redis, RedisAwayError } from './client.ts';
import { createRendezvous } from './rendezvous.ts';

/** Texts under keys in several Redis servers. A server that is away costs its own keys, and once it is known no time. */
export interface ShardedCache {
  /**
   * Undefined: it is not there. Rejects when its shard cannot be asked: at once while the shard is known to be away, else
   * after the command limit of its connection.
   */
  get(key: string): Promise<string | undefined>;
  /** Rejects in the same way. */
  set(key: string, value: string, ttlMs: number): Promise<void>;
}

export interface ShardedCacheDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** At least one. Every process must name them alike: the address chooses the keys. */
  readonly shards: readonly Pick<Redis, 'address' | 'send'>[];
}

// A shard that answers late in a row is left alone, but for one question a second.
const PATIENCE = { maxFailures: 3, openMs: 1_000 } as const;

/** A cache whose keys lie on shards by rendezvous hashing: see `createRendezvous`. */
export function createShardedCache({ clock, shards }: ShardedCacheDeps): ShardedCache {
  const place = createRendezvous(shards.map(({ address }) => address));
  const judge = (error: unknown) => (error instanceof RedisAwayError ? 'failure' : 'success');
  const guarded = shards.map((shard): { shard: Pick<Redis, 'send'>; breaker: Breaker } => ({
    shard,
    breaker: createBreaker({ clock, judge }, PATIENCE),
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
