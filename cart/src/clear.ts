import { clear as clearCart } from './cart.ts';
import type { Store } from './store.ts';

/** Removes every line. A checkout that froze them goes on with what it froze. */
export function clear(store: Pick<Store, 'update'>, userId: bigint, deadlineMs: number): Promise<void> {
  return store.update(userId, {}, clearCart, { deadlineMs, isRepeatable: true });
}
