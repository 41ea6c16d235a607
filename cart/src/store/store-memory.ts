import type { Clock } from '@tally/platform/concurrency';

import type { Cart, CartLine, Changes, Checkout } from '../carts/cart.ts';
import type { Store } from './store.ts';

export interface MemoryStoreDeps {
  /** clock_timestamp(). */
  readonly clock: Pick<Clock, 'nowMs'>;
  /** tally_now(); the same where it is absent. */
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
  /** Of open checkouts, until when. */
  readonly claims: Map<string, number>;
  readonly addKeys: Map<string, Key & { readonly requestHash: Buffer }>;
  readonly checkoutKeys: Map<string, Key & { readonly checkoutId: string }>;
}

/** The store of fast tests and the simulation. A decision runs in one turn of the event loop, which is its lock. */
export function createMemoryStore({ clock, tallyNowMs = clock.nowMs }: MemoryStoreDeps): Store {
  const tables: Tables = {
    nextLineId: 1n,
    lines: new Map(),
    checkouts: new Map(),
    claims: new Map(),
    addKeys: new Map(),
    checkoutKeys: new Map(),
  };
  const { lines, checkouts, claims, addKeys, checkoutKeys } = tables;
  const keyOf = (userId: bigint, key: string) => `${userId} ${key}`;
  const linesOf = (userId: bigint) =>
    [...lines.values()]
      .filter((each) => each.userId === userId)
      .map(({ line }) => line)
      .toSorted((a, b) => a.sku - b.sku);

  function load(userId: bigint, wanted: Parameters<Store['update']>[1]): Cart {
    const own = [...checkouts.values()].filter((checkout) => checkout.userId === userId);
    const keyed = checkoutKeys.get(keyOf(userId, wanted.checkoutKey ?? ''));
    const closedMs = ({ closedAt }: Checkout) => closedAt?.getTime() ?? 0;
    return {
      userId,
      moment: new Date(tallyNowMs()),
      lines: linesOf(userId),
      open: own.find(({ state }) => state === 'open'),
      keyed: own.find(({ id }) => id === keyed?.checkoutId),
      named: own.find(({ id }) => id === wanted.checkoutId),
      lastDone: own.filter(({ state }) => state === 'done').toSorted((a, b) => closedMs(b) - closedMs(a))[0],
      addKeyHash: addKeys.get(keyOf(userId, wanted.addKey ?? ''))?.requestHash,
    };
  }

  return {
    async update(userId, wanted, decide) {
      const cart = load(userId, wanted);
      const { changes, answer } = decide(cart);
      const stamp = { userId, createdMs: cart.moment.getTime() };
      applyLines(tables, userId, changes);
      applyCheckout(tables, clock.nowMs(), changes);
      const { addKey, checkoutKey } = changes;
      if (addKey) addKeys.set(keyOf(userId, addKey.text), { ...stamp, requestHash: addKey.requestHash });
      if (checkoutKey) {
        checkoutKeys.set(keyOf(userId, checkoutKey.key), { ...stamp, checkoutId: checkoutKey.checkoutId });
      }
      return answer;
    },
    findLines: async (userId) => linesOf(userId),
    findAddKey: async (userId, key) => addKeys.get(keyOf(userId, key))?.requestHash,
    findOwner: async (checkoutId) => checkouts.get(checkoutId)?.userId,
    async claimOpen(limit, claimMs) {
      const nowMs = clock.nowMs();
      const due = [...claims]
        .filter(([, untilMs]) => untilMs < nowMs)
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

function applyLines(
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

function applyCheckout(tables: Tables, nowMs: number, { frozen, extended, closed }: Changes): void {
  const { checkouts, claims } = tables;
  if (frozen) {
    checkouts.set(frozen.checkout.id, frozen.checkout);
    claims.set(frozen.checkout.id, nowMs + frozen.claimMs);
  }
  if (extended) {
    const { checkoutId, claimMs } = extended;
    claims.set(checkoutId, Math.max(claims.get(checkoutId) ?? 0, nowMs + claimMs));
  }
  if (closed === undefined) return;
  checkouts.set(closed.id, closed);
  claims.delete(closed.id);
}
