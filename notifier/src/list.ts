import type { AppliedNotification, Store } from './store.ts';

/** Returns the notifications of an order that were told, by version. An unknown order has none. */
export function list(store: Pick<Store, 'list'>, orderId: bigint, timeoutMs: number): Promise<AppliedNotification[]> {
  return store.list(orderId, timeoutMs);
}
