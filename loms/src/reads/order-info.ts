import { unknownOrder } from '../orders/order-pay.ts';
import type { OrderView, Store } from '../store/store.ts';

/** One order as it stands. */
export async function orderInfo(
  store: Pick<Store, 'findOrder'>,
  orderId: bigint,
  timeoutMs: number,
): Promise<OrderView> {
  const order = await store.findOrder(orderId, timeoutMs);
  if (order === undefined) throw unknownOrder(orderId);
  return order;
}
