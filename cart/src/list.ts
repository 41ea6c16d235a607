import type { Clock, WorkerPool } from '@tally/platform/concurrency';
import type { Call } from '@tally/platform/grpc';

import type { Products } from './add-item.ts';
import { type CartLine, isPriced, reprice, totalOf } from './cart.ts';
import type { Store } from './store.ts';

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
  const lookup = ({ sku }: CartLine, _: number, stop: AbortSignal) =>
    products.lookup(sku, { token, signal: stop, deadlineMs });
  const found = await pool.map(stored, lookup, { signal });
  const lines = stored.map((line, i) => ({ ...line, ...found[i] }));
  const changed = lines.filter((line, i) => !isPriced(stored[i] as CartLine, line));
  if (changed.length > 0) {
    const seen = new Map(changed.map(({ id, name, price }) => [id, { name, price }]));
    await store.update(userId, {}, (cart) => reprice(cart, seen), { deadlineMs, isRepeatable: true });
  }
  return { lines, total: totalOf(lines) };
}
