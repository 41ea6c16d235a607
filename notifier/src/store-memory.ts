import type { Notification } from './inbox.ts';
import type { Store, UnreadableEvent } from './store.ts';

/** The inbox in memory, for tests. It keeps every promise of the store except durability. */
export function createMemoryStore(): Store & {
  /** Every notification, under its order and version: `7-3`. */
  readonly notifications: Map<string, Notification>;
  readonly unreadable: UnreadableEvent[];
} {
  const notifications = new Map<string, Notification>();
  const unreadable: UnreadableEvent[] = [];
  const loadOrders = (orderIds: readonly bigint[]) =>
    [...notifications.values()].filter(({ orderId }) => orderIds.includes(orderId));
  const save = (notification: Notification) =>
    notifications.set(`${notification.orderId}-${notification.version}`, notification);

  return {
    notifications,
    unreadable,
    async update(orderIds, decide) {
      const { changes, answer, beforeCommit } = decide(loadOrders(orderIds));
      beforeCommit();
      for (const notification of [...changes.inserted, ...changes.released]) save(notification);
      unreadable.push(...changes.unreadable);
      return answer;
    },
    async revive(orderId, decide) {
      const { changes, answer, beforeCommit } = decide(loadOrders([orderId]));
      beforeCommit();
      save(changes);
      return answer;
    },
    async list(orderId) {
      return loadOrders([orderId])
        .filter(({ state }) => state === 'applied')
        .toSorted((a, b) => a.version - b.version)
        .map(({ version, status, moment }) => ({ version, status: status ?? '', moment: moment ?? new Date(0) }));
    },
  };
}
