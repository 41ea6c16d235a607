import type { Changes, RecordedEvent, StoredKey } from '../orders/decision.ts';
import type { Order } from '../orders/order.ts';
import { type Movement, type Stock, applyMovement } from '../orders/stock.ts';
import { type Store, UpdateError } from './store.ts';

/** Everything that a memory store contains. Tests fill it and look into it. */
interface MemoryState {
  readonly orders: Map<bigint, Order>;
  readonly stocks: Map<number, Stock>;
  readonly movements: Movement[];
  readonly events: RecordedEvent[];
  readonly keys: Map<string, StoredKey & { readonly createdMs: number }>;
}

/**
 * Creates a store in memory for fast tests. It keeps every promise of the PostgreSQL store except durability.
 *
 * Updates run one after another, as if under one lock. Several batchers may share the store, as instances share a
 * database.
 */
export function createMemoryStore(nowMs: () => number): Store & { readonly state: MemoryState } {
  const state: MemoryState = { orders: new Map(), stocks: new Map(), movements: [], events: [], keys: new Map() };
  let lastOrderId = 0n;
  let lastUpdate: Promise<unknown> = Promise.resolve();

  const update: Store['update'] = async (wanted, decide) => {
    const orders = [...state.orders.values()];
    const wantedIds = new Set(wanted.orderIds);
    const locked = orders.filter(({ id }) => wantedIds.has(id));
    const skus = new Set([...wanted.skus, ...locked.flatMap(({ lines }) => lines.map(({ sku }) => sku))]);
    const keys = wanted.keys.flatMap(({ userId, key }) => state.keys.get(keyOf(userId, key)) ?? []);
    const idsByKey = new Set(keys.map(({ orderId }) => orderId));
    const loaded = {
      moment: new Date(nowMs()),
      orders: locked,
      stocks: new Map([...state.stocks].filter(([sku]) => skus.has(sku))),
      known: orders.filter(({ id, requestId }) => wanted.requestIds.includes(requestId) || idsByKey.has(id)),
      keys,
      orderIds: Array.from({ length: wanted.newOrders }, () => (lastOrderId += 1n)),
    };
    const { changes, answer } = decideOrBlame(() => decide(loaded));
    refuseDuplicates(state, changes);
    apply(state, changes);
    return answer;
  };

  return {
    state,
    update(wanted, decide) {
      const updated = lastUpdate.then(() => update(wanted, decide));
      lastUpdate = updated.catch(() => {});
      return updated;
    },
    findOrder: async (id) => state.orders.get(id),
    findStock: async (sku) => state.stocks.get(sku),
    async findDueOrders(limit) {
      const due = [...state.orders.values()].filter(
        ({ status, payBefore }) => status === 'awaiting payment' && payBefore.getTime() <= nowMs(),
      );
      due.sort((a, b) => a.payBefore.getTime() - b.payBefore.getTime());
      return due.slice(0, limit).map(({ id }) => id);
    },
    async deleteOldKeys(maxAgeMs, limit) {
      const old = [...state.keys].filter(([, { createdMs }]) => createdMs < nowMs() - maxAgeMs).slice(0, limit);
      for (const [key] of old) state.keys.delete(key);
      return old.length;
    },
  };
}

const keyOf = (userId: bigint, key: string) => `${userId} ${key}`;

function decideOrBlame<D>(decide: () => D): D {
  try {
    return decide();
  } catch (error) {
    throw new UpdateError('culprit', error);
  }
}

/** Does what the unique constraints do in PostgreSQL. */
function refuseDuplicates(state: MemoryState, { created, keys, movements }: Changes): void {
  const requestIds = new Set([...state.orders.values()].map(({ requestId }) => requestId));
  const stored = new Set(state.movements.map(identityOf));
  const isDuplicate =
    created.some(({ requestId }) => requestIds.has(requestId)) ||
    keys.some(({ userId, key }) => state.keys.has(keyOf(userId, key))) ||
    movements.some((movement) => stored.has(identityOf(movement)));
  if (isDuplicate) throw new UpdateError('conflict', new Error('a request id, a key or a movement exists already'));
}

const identityOf = ({ orderId, sku, kind }: Movement) => `${orderId} ${sku} ${kind}`;

function apply(state: MemoryState, changes: Changes): void {
  for (const order of [...changes.created, ...changes.changed]) state.orders.set(order.id, order);
  for (const movement of changes.movements) {
    const stock = state.stocks.get(movement.sku) ?? { total: 0n, held: 0n, reserved: 0n };
    state.stocks.set(movement.sku, applyMovement(stock, movement));
  }
  state.movements.push(...changes.movements);
  state.events.push(...changes.events);
  const createdMs = changes.moment.getTime();
  for (const key of changes.keys) state.keys.set(keyOf(key.userId, key.key), { ...key, createdMs });
}
