import { remove } from '../carts/cart.ts';
import type { Store } from '../store/store.ts';

/** Removes a sku from the cart. A checkout that froze it goes on with what it froze. */
export function deleteItem(
  store: Pick<Store, 'update'>,
  { userId, sku }: { readonly userId: bigint; readonly sku: number },
  deadlineMs: number,
): Promise<void> {
  return store.update(userId, {}, (cart) => remove(cart, sku), { deadlineMs, isRepeatable: true });
}
