import { type EveryDeps, type Loop, startEvery } from '@tally/platform/concurrency';

import type { Store } from './store.ts';

const KEY_LIFE_MS = 24 * 60 * 60 * 1000;
const INTERVAL_MS = 60_000;
const MAX_DELETED_KEYS = 1_000;

/** Deletes idempotency keys of more than a day. Until its row is gone, a key counts. */
export function startKeyExpiry(deps: EveryDeps & { readonly store: Pick<Store, 'deleteOldKeys'> }): Loop {
  return startEvery(deps, { intervalMs: INTERVAL_MS }, () => deps.store.deleteOldKeys(KEY_LIFE_MS, MAX_DELETED_KEYS));
}
