import type { OrderStatus } from '@tally/proto/events';

/**
 * parked: the version came early and waits for one before it. applied: shoppers were told of it. dead: the event could not
 * be read, or an operator skipped it; the versions after it do not wait for it.
 */
export type NotificationState = 'parked' | 'applied' | 'dead';

/** One version of an order, as the inbox keeps it. */
export interface Notification {
  readonly orderId: bigint;
  readonly version: number;
  readonly state: NotificationState;
  /** Undefined when the event is dead and does not say it. */
  readonly status: OrderStatus | undefined;
  readonly moment: Date | undefined;
  readonly traceparent: string | undefined;
  /** Partition and offset of the event in the log. */
  readonly partition: number;
  readonly offset: bigint;
  /** Why the version is dead; undefined in other states. */
  readonly reason: string | undefined;
}

interface InboxDecision {
  /** The arrivals that the inbox did not know, in the state that they take. */
  readonly inserted: readonly Notification[];
  /** Notifications that were parked in the inbox and are applied now. */
  readonly released: readonly Notification[];
  /** Everything that is applied now, in the order in which it is told. */
  readonly told: readonly Notification[];
  /** The number of arrivals whose version was known. */
  readonly duplicates: number;
}

/**
 * Decides what arrivals become: a readable event arrives as parked, any other as dead.
 *
 * The next version of an order is one more than its longest run of applied or dead versions from 1. The next version is
 * applied, together with the parked versions that follow it. A version that comes early stays parked. A version that is
 * known in any state changes nothing: its first occurrence counts.
 */
export function decideInbox(known: readonly Notification[], arrivals: readonly Notification[]): InboxDecision {
  const knownByOrder = Map.groupBy(known, ({ orderId }) => orderId);
  const decisions = [...Map.groupBy(arrivals, ({ orderId }) => orderId)].map(([orderId, arrived]) =>
    decideOrder(knownByOrder.get(orderId) ?? [], arrived),
  );
  return {
    inserted: decisions.flatMap(({ inserted }) => inserted),
    released: decisions.flatMap(({ released }) => released),
    told: decisions.flatMap(({ told }) => told),
    duplicates: decisions.reduce((sum, { duplicates }) => sum + duplicates, 0),
  };
}

function decideOrder(known: readonly Notification[], arrivals: readonly Notification[]): InboxDecision {
  const knownVersions = new Set(known.map(({ version }) => version));
  const versions = new Map(known.map((notification) => [notification.version, notification]));
  const told: Notification[] = [];
  let duplicates = 0;
  let passed = 0;

  function applyNextVersions(): void {
    for (let next = versions.get(passed + 1); next !== undefined; next = versions.get(passed + 1)) {
      passed += 1;
      if (next.state !== 'parked') continue;
      const applied = { ...next, state: 'applied' } as const;
      versions.set(passed, applied);
      told.push(applied);
    }
  }

  applyNextVersions();
  for (const arrival of arrivals) {
    if (versions.has(arrival.version)) duplicates += 1;
    else {
      versions.set(arrival.version, arrival);
      applyNextVersions();
    }
  }
  return {
    inserted: [...versions.values()].filter(({ version }) => !knownVersions.has(version)),
    released: told.filter(({ version }) => knownVersions.has(version)),
    told,
    duplicates,
  };
}

/**
 * Decides what a dead version becomes when it is replayed: applied when all versions before it have passed, else parked.
 * It is late when a later version has been told already. Undefined when the version is not dead.
 */
export function decideReplay(
  known: readonly Pick<Notification, 'version' | 'state'>[],
  version: number,
): { readonly state: 'applied' | 'parked'; readonly isLate: boolean } | undefined {
  const states = new Map(known.map((notification) => [notification.version, notification.state]));
  if (states.get(version) !== 'dead') return undefined;
  for (let before = 1; before < version; before += 1) {
    const state = states.get(before);
    if (state !== 'applied' && state !== 'dead') return { state: 'parked', isLate: false };
  }
  return { state: 'applied', isLate: known.some((later) => later.version > version && later.state === 'applied') };
}
