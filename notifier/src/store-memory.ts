import type { NewNotification, Notification, Store, UnreadableEvent } from './store.ts';

/** The inbox in memory, for fast tests: the same promises, but for durability. */
export function createMemoryStore(): Store & {
  readonly notifications: Map<string, Notification>;
  readonly unreadable: UnreadableEvent[];
} {
  const notifications = new Map<string, Notification>();
  const unreadable: UnreadableEvent[] = [];
  const nameOf = ({ orderId, version }: Pick<NewNotification, 'orderId' | 'version'>) => `${orderId}-${version}`;
  const knownOf = (orderIds: readonly bigint[]) =>
    [...notifications.values()].filter(({ orderId }) => orderIds.includes(orderId));

  return {
    notifications,
    unreadable,
    async update(orderIds, decide) {
      const changes = decide(knownOf(orderIds));
      changes.beforeCommit();
      for (const inserted of changes.inserted) notifications.set(nameOf(inserted), inserted);
      for (const released of changes.released) {
        const parked = notifications.get(nameOf(released));
        if (parked !== undefined) notifications.set(nameOf(released), { ...parked, state: 'applied' });
      }
      unreadable.push(...changes.unreadable);
    },
    async revive(orderId, decide) {
      const decided = decide(knownOf([orderId]));
      if (decided === undefined) return;
      decided.beforeCommit();
      notifications.set(nameOf(decided.notification), decided.notification);
    },
    async list(orderId) {
      return knownOf([orderId])
        .filter(({ state }) => state === 'applied')
        .toSorted((a, b) => a.version - b.version)
        .map(({ version, status, moment }) => ({ version, status: status ?? '', moment: moment ?? new Date(0) }));
    },
  };
}
