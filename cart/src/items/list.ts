import type { Clock, WorkerPool } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import type { Call } from '@tally/platform/grpc';

import type { CartLine } from '../carts/cart.ts';
import { isUpToDate, repriceItems, totalOf } from '../carts/cart-items.ts';
import type { Products } from '../products/products.ts';
import type { Store } from '../store/store.ts';

export interface ListDeps {
  readonly store: Pick<Store, 'update' | 'findLines'>;
  readonly products: Products;
  /** Runs the look-ups. All List calls share it. */
  readonly pool: Pick<WorkerPool, 'map'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

interface ListCommand {
  readonly userId: bigint;
  /** The caller's own token for the product service. */
  readonly token: string | undefined;
}

interface ListedCart {
  /** Sorted by sku. */
  readonly lines: readonly CartLine[];
  readonly total: bigint;
}

/**
 * Lists the cart with current names and prices, and stores those that changed. A product that no longer exists keeps
 * its last name and price.
 *
 * When the limit of product calls refuses a look-up, List lists nothing and rejects with PRODUCT_LIMIT. It first waits
 * for the other look-ups, which fill the cache. So when a cart has more lines than List can look up before its
 * deadline, each retry has fewer lines left to look up. Any other failure ends List at once.
 */
export async function list(
  { store, products, pool, clock }: ListDeps,
  { userId, token }: ListCommand,
  { signal, deadlineMs }: Pick<Call, 'signal' | 'deadlineMs'>,
): Promise<ListedCart> {
  const stored = await store.findLines(userId, deadlineMs - clock.nowMs());
  const refusals: { readonly error: AppError; readonly atMs: number }[] = [];
  const lookUp = async ({ sku }: CartLine, _: number, stop: AbortSignal) => {
    try {
      return await products.lookUp(sku, { token, signal: stop, deadlineMs });
    } catch (error) {
      if (!(error instanceof AppError) || error.reason !== 'PRODUCT_LIMIT') throw error;
      refusals.push({ error, atMs: clock.nowMs() });
      return undefined;
    }
  };
  const found = await pool.map(stored, lookUp, { signal });
  const [refusal] = refusals;
  if (refusal !== undefined) throw shortenPause(refusal.error, clock.nowMs() - refusal.atMs);
  const lines = stored.map((line, i) => ({ ...line, ...found[i] }));
  const changed = lines.filter((line, i) => !isUpToDate(stored[i] as CartLine, line));
  if (changed.length > 0) {
    const newPrices = new Map(changed.map(({ id, name, price }) => [id, { name, price }]));
    await store.update(userId, {}, (cart) => repriceItems(cart, newPrices), { deadlineMs, isRepeatable: true });
  }
  return { lines, total: totalOf(lines) };
}

/** Returns the refusal with less time to the next try, because `passedMs` have passed since it was made. */
function shortenPause(error: AppError, passedMs: number): AppError {
  const { kind, message, reason = '', retryAfterMs = 0 } = error;
  return new AppError(kind, message, { reason, retryAfterMs: Math.max(1, retryAfterMs - passedMs), cause: error });
}
