import { clearItems } from '../carts/cart-items.ts';
import type { Store } from '../store/store.ts';

/** Removes every line of the cart. An open checkout still orders what it froze. */
export function clear(store: Pick<Store, 'update'>, userId: bigint, deadlineMs: number): Promise<void> {
  return store.update(userId, {}, clearItems, { deadlineMs, isRepeatable: true });
}
