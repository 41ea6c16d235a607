import { type EveryDeps, type Loop, startEvery } from '../concurrency/index.ts';

const KEY_LIFE_MS = 24 * 60 * 60 * 1000;
const INTERVAL_MS = 60_000;
const MAX_DELETED_KEYS = 1_000;

interface KeyExpiryDeps extends EveryDeps {
  readonly store: {
    /** Deletes at most `limit` keys of each kind that are older than `maxAgeMs`. Resolves with the number deleted. */
    deleteOldKeys(maxAgeMs: number, limit: number): Promise<number>;
  };
}

/**
 * Deletes idempotency keys that are older than a day: up to 1,000 of each kind at a time, every minute, and without a
 * pause while there may be more. A key is honoured until its row is deleted.
 */
export function startKeyExpiry(deps: KeyExpiryDeps): Loop {
  return startEvery(deps, { intervalMs: INTERVAL_MS }, async () => {
    const deleted = await deps.store.deleteOldKeys(KEY_LIFE_MS, MAX_DELETED_KEYS);
    return deleted >= MAX_DELETED_KEYS;
  });
}
