import type { AppliedNotification, Store } from './store.ts';

/** What was told of an order, in order. Of an unknown order nothing was told. */
export function list(store: Pick<Store, 'list'>, orderId: bigint, timeoutMs: number): Promise<AppliedNotification[]> {
  return store.list(orderId, timeoutMs);
}
