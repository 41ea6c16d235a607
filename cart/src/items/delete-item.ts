import { removeItem } from '../carts/cart-items.ts';
import type { Store } from '../store/store.ts';

/** Removes a sku from the cart. An open checkout still orders what it froze. */
export function deleteItem(
  store: Pick<Store, 'update'>,
  { userId, sku }: { readonly userId: bigint; readonly sku: number },
  deadlineMs: number,
): Promise<void> {
  return store.update(userId, {}, (cart) => removeItem(cart, sku), { deadlineMs, isRepeatable: true });
}
