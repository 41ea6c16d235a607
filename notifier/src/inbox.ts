import type { OrderStatus } from '@tally/proto/events';

/**
 * - `parked`: the version came early. It waits for a version before it.
 * - `applied`: the shopper was told of it.
 * - `dead`: its event could not be read, or an operator skipped it. It is not told.
 *
 * A version has passed when it is applied or dead. Later versions wait for it until then.
 */
export type NotificationState = 'parked' | 'applied' | 'dead';

/** One version of an order, as the inbox keeps it. A dead version may lack its status and moment. */
export interface Notification {
  readonly orderId: bigint;
  readonly version: number;
  readonly state: NotificationState;
  readonly status: OrderStatus | undefined;
  /** When the order took the status. */
  readonly moment: Date | undefined;
  readonly traceparent: string | undefined;
  /** Partition and offset of the event in the log. */
  readonly partition: number;
  readonly offset: bigint;
  /** Why the version is dead; undefined in other states. */
  readonly reason: string | undefined;
}

interface InboxDecision {
  /** The arrivals whose version the inbox did not have, in the state that they take. */
  readonly inserted: readonly Notification[];
  /** Notifications that were parked in the inbox and are applied now. */
  readonly released: readonly Notification[];
  /** Everything that is applied now, in the order in which it is told. */
  readonly told: readonly Notification[];
  /** The number of arrivals whose version the inbox had, or that repeat an earlier arrival. */
  readonly duplicates: number;
}

/**
 * Decides what becomes of arrivals, given all versions of their orders that the inbox knows. An event that reports a
 * status arrives as parked. An event that cannot be read and the marker of a skipped version arrive as dead.
 *
 * A parked version is applied as soon as all versions before it have passed. One that comes early stays parked, and
 * does not hold up the partition: the version that it waits for may lie further on in the same partition. A version
 * that the inbox knows, in whatever state, is not changed by another arrival of it, because its first occurrence
 * counts.
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
  /** All versions up to this one have passed. */
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
 * Decides what becomes of a dead version that is replayed: it is applied if all versions before it have passed, and
 * else parked. It is late if a later version has been told already. Returns undefined if the version is not dead.
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
