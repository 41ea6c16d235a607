import type { Clock } from '@tally/platform/concurrency';

import type { Cart, CartLine, Changes, Checkout } from '../carts/cart.ts';
import type { Store, Wanted } from './store.ts';

interface MemoryStoreDeps {
  /** Stands for clock_timestamp(). */
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Stands for tally_now(). Defaults to the clock. */
  readonly tallyNowMs?: () => number;
}

interface Key {
  readonly userId: bigint;
  readonly createdMs: number;
}

interface Tables {
  nextLineId: bigint;
  readonly lines: Map<bigint, { readonly userId: bigint; readonly line: CartLine }>;
  readonly checkouts: Map<string, Checkout>;
  /** When the claim on each open checkout ends, in milliseconds since the epoch. */
  readonly claims: Map<string, number>;
  readonly addKeys: Map<string, Key & { readonly requestHash: Buffer }>;
  readonly checkoutKeys: Map<string, Key & { readonly checkoutId: string }>;
}

/**
 * Creates a store in memory, for fast tests. An update runs in one turn of the event loop, so that no other update
 * comes in between. This takes the place of the lock.
 */
export function createMemoryStore({ clock, tallyNowMs = clock.nowMs }: MemoryStoreDeps): Store {
  const tables: Tables = {
    nextLineId: 1n,
    lines: new Map(),
    checkouts: new Map(),
    claims: new Map(),
    addKeys: new Map(),
    checkoutKeys: new Map(),
  };
  const { checkouts, claims, addKeys, checkoutKeys } = tables;

  return {
    async update(userId, wanted, decide) {
      const cart = load(tables, userId, wanted, new Date(tallyNowMs()));
      const { changes, answer } = decide(cart);
      writeLines(tables, userId, changes);
      writeCheckout(tables, clock.nowMs(), changes);
      writeKeys(tables, cart, changes);
      return answer;
    },
    findLines: async (userId) => linesOf(tables, userId),
    findAddKey: async (userId, key) => addKeys.get(idOf(userId, key))?.requestHash,
    findOwner: async (checkoutId) => checkouts.get(checkoutId)?.userId,
    async claimOpen(limit, claimMs) {
      const nowMs = clock.nowMs();
      const due = [...claims]
        .filter(([, endsMs]) => endsMs < nowMs)
        .toSorted(([, a], [, b]) => a - b)
        .slice(0, limit);
      for (const [id] of due) claims.set(id, nowMs + claimMs);
      return due.map(([id]) => ({ checkout: checkouts.get(id) as Checkout, moment: new Date(tallyNowMs()) }));
    },
    async deleteOldKeys(maxAgeMs, limit) {
      const beforeMs = tallyNowMs() - maxAgeMs;
      const deleted = [addKeys, checkoutKeys].map((keys) => {
        const old = [...keys].filter(([, { createdMs }]) => createdMs < beforeMs).slice(0, limit);
        for (const [key] of old) keys.delete(key);
        return old.length;
      });
      return deleted.reduce((sum, count) => sum + count, 0);
    },
  };
}

const idOf = (userId: bigint, key: string) => `${userId} ${key}`;

function linesOf({ lines }: Tables, userId: bigint): CartLine[] {
  const own = [...lines.values()].filter((entry) => entry.userId === userId);
  return own.map(({ line }) => line).toSorted((a, b) => a.sku - b.sku);
}

function load(
  tables: Tables,
  userId: bigint,
  { addKey = '', checkoutKey = '', checkoutId }: Wanted,
  moment: Date,
): Cart {
  const own = [...tables.checkouts.values()].filter((checkout) => checkout.userId === userId);
  const idByKey = tables.checkoutKeys.get(idOf(userId, checkoutKey))?.checkoutId;
  const closedMs = ({ closedAt }: Checkout) => closedAt?.getTime() ?? 0;
  return {
    userId,
    moment,
    lines: linesOf(tables, userId),
    openCheckout: own.find(({ state }) => state === 'open'),
    checkoutByKey: own.find(({ id }) => id === idByKey),
    checkoutById: own.find(({ id }) => id === checkoutId),
    lastDone: own.filter(({ state }) => state === 'done').toSorted((a, b) => closedMs(b) - closedMs(a))[0],
    addKeyHash: tables.addKeys.get(idOf(userId, addKey))?.requestHash,
  };
}

function writeLines(
  tables: Tables,
  userId: bigint,
  { removedLineIds = [], changedLines = [], addedLine }: Changes,
): void {
  for (const id of removedLineIds) tables.lines.delete(id);
  for (const line of changedLines) tables.lines.set(line.id, { userId, line });
  if (addedLine === undefined) return;
  tables.lines.set(tables.nextLineId, { userId, line: { ...addedLine, id: tables.nextLineId } });
  tables.nextLineId += 1n;
}

function writeCheckout({ checkouts, claims }: Tables, nowMs: number, changes: Changes): void {
  const { frozen, extendedClaim, closed } = changes;
  if (frozen) {
    checkouts.set(frozen.checkout.id, frozen.checkout);
    claims.set(frozen.checkout.id, nowMs + frozen.claimMs);
  }
  if (extendedClaim) {
    const { checkoutId, claimMs } = extendedClaim;
    claims.set(checkoutId, Math.max(claims.get(checkoutId) ?? 0, nowMs + claimMs));
  }
  if (closed) {
    checkouts.set(closed.id, closed);
    claims.delete(closed.id);
  }
}

function writeKeys(
  { addKeys, checkoutKeys }: Tables,
  { userId, moment }: Cart,
  { addKey, checkoutKey }: Changes,
): void {
  const created = { userId, createdMs: moment.getTime() };
  if (addKey) addKeys.set(idOf(userId, addKey.text), { ...created, requestHash: addKey.requestHash });
  if (checkoutKey) {
    checkoutKeys.set(idOf(userId, checkoutKey.key), { ...created, checkoutId: checkoutKey.checkoutId });
  }
}
