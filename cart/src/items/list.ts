import type { Clock, WorkerPool } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import type { Call } from '@tally/platform/grpc';

import type { Products } from './add-item.ts';
import { type CartLine, isPriced, reprice, totalOf } from '../carts/cart.ts';
import type { Store } from '../store/store.ts';

export interface ListDeps {
  readonly store: Pick<Store, 'update' | 'findLines'>;
  readonly products: Products;
  readonly pool: Pick<WorkerPool, 'map'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface ListedCart {
  /** By sku. */
  readonly lines: readonly CartLine[];
  readonly total: bigint;
}

/** The cart with today's names and prices. A product that is gone keeps its last ones. */
export async function list(
  { store, products, pool, clock }: ListDeps,
  { userId, token }: { readonly userId: bigint; readonly token: string | undefined },
  { signal, deadlineMs }: Pick<Call, 'signal' | 'deadlineMs'>,
): Promise<ListedCart> {
  const stored = await store.findLines(userId, deadlineMs - clock.nowMs());
  const overLimit: Refusal[] = [];
  const lookup = async ({ sku }: CartLine, _: number, stop: AbortSignal) => {
    try {
      return await products.lookup(sku, { token, signal: stop, deadlineMs });
    } catch (error) {
      if (!(error instanceof AppError) || error.reason !== 'PRODUCT_LIMIT') throw error;
      overLimit.push({ error, atMs: clock.nowMs() });
      return undefined;
    }
  };
  const found = await pool.map(stored, lookup, { signal });
  // Only now: look-ups that had a turn have fed the cache, so that a cart too large for one deadline gets on with each try.
  if (overLimit[0] !== undefined) throw asOfNow(overLimit[0], clock.nowMs());
  const lines = stored.map((line, i) => ({ ...line, ...found[i] }));
  const changed = lines.filter((line, i) => !isPriced(stored[i] as CartLine, line));
  if (changed.length > 0) {
    const seen = new Map(changed.map(({ id, name, price }) => [id, { name, price }]));
    await store.update(userId, {}, (cart) => reprice(cart, seen), { deadlineMs, isRepeatable: true });
  }
  return { lines, total: totalOf(lines) };
}

interface Refusal {
  readonly error: AppError;
  readonly atMs: number;
}

/** The pause that it asks for has passed in part. */
function asOfNow({ error, atMs }: Refusal, nowMs: number): AppError {
  const { kind, message, reason = '', retryAfterMs = 0 } = error;
  return new AppError(kind, message, {
    reason,
    retryAfterMs: Math.max(1, retryAfterMs - (nowMs - atMs)),
    cause: error,
  });
}
