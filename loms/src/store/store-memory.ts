import type { Order } from '../orders/order.ts';
import { type Movement, type Stock, applyMovement } from '../orders/stock.ts';
import { type Changes, type Store, type StoredKey, UpdateError } from './store.ts';

/** All that a memory store holds; a test may look into it. */
export interface MemoryState {
  readonly orders: Map<bigint, Order>;
  readonly stocks: Map<number, Stock>;
  readonly movements: Movement[];
  readonly events: Changes['events'][number][];
  readonly keys: Map<string, StoredKey & { readonly createdMs: number }>;
}

/**
 * Orders and stock in memory, for fast tests: the same promises as PostgreSQL's, but for durability. Updates run one
 * after another, as under one lock; several batchers may share it, like several instances one database.
 */
export function createMemoryStore(nowMs: () => number): Store & { readonly state: MemoryState } {
  const state: MemoryState = { orders: new Map(), stocks: new Map(), movements: [], events: [], keys: new Map() };
  let lastOrderId = 0n;
  let turn: Promise<void> = Promise.resolve();

  const update: Store['update'] = async (wanted, decide) => {
    const mine = new Set(wanted.orderIds);
    const orders = [...state.orders.values()];
    const locked = orders.filter(({ id }) => mine.has(id));
    const skus = new Set([...wanted.skus, ...locked.flatMap(({ lines }) => lines.map(({ sku }) => sku))]);
    const keys = wanted.keys.flatMap(({ userId, key }) => state.keys.get(keyOf(userId, key)) ?? []);
    const byKey = new Set(keys.map(({ orderId }) => orderId));
    const orderIds = Array.from({ length: wanted.newOrders }, () => (lastOrderId += 1n));
    const loaded = {
      moment: new Date(nowMs()),
      orders: locked,
      stocks: new Map([...state.stocks].filter(([sku]) => skus.has(sku))),
      known: orders.filter((order) => wanted.requestIds.includes(order.requestId) || byKey.has(order.id)),
      keys,
      orderIds,
    };
    let changes: Changes;
    try {
      changes = decide(loaded);
    } catch (error) {
      throw new UpdateError('culprit', error);
    }
    refuseDoubles(state, changes);
    apply(state, changes);
  };

  return {
    state,
    update(wanted, decide) {
      const done = turn.then(() => update(wanted, decide));
      turn = done.catch(() => {});
      return done;
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

/** What unique constraints are to PostgreSQL. */
function refuseDoubles(state: MemoryState, { created, keys, movements }: Changes): void {
  const requestIds = new Set([...state.orders.values()].map(({ requestId }) => requestId));
  const moved = new Set(state.movements.map(identityOf));
  const isDouble =
    created.some(({ requestId }) => requestIds.has(requestId)) ||
    keys.some(({ userId, key }) => state.keys.has(keyOf(userId, key))) ||
    movements.some((movement) => moved.has(identityOf(movement)));
  if (isDouble) throw new UpdateError('conflict', new Error('a request id, a key or a movement is there already'));
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
