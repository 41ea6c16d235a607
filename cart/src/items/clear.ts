import { clear as clearCart } from '../carts/cart.ts';
import type { Store } from '../store/store.ts';

/** Removes every line. A checkout that froze them goes on with what it froze. */
export function clear(store: Pick<Store, 'update'>, userId: bigint, deadlineMs: number): Promise<void> {
  return store.update(userId, {}, clearCart, { deadlineMs, isRepeatable: true });
}
