import { unknownOrder } from '../orders/order-rules.ts';
import type { OrderView, Store } from '../store/store.ts';

/** Returns the order as it is now. Throws UNKNOWN_ORDER when there is none. */
export async function orderInfo(
  store: Pick<Store, 'findOrder'>,
  orderId: bigint,
  timeoutMs: number,
): Promise<OrderView> {
  const order = await store.findOrder(orderId, timeoutMs);
  if (order === undefined) throw unknownOrder(orderId);
  return order;
}
