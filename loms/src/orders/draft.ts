import { type Order, type OrderCause, type OrderLine, type OrderStatus, advance } from './order.ts';
import { type Movement, type Stock, applyMovement, moveLine } from './stock.ts';
import type { Changes, Loaded, StoredKey } from '../store/store.ts';

/**
 * What a batch has loaded and decided so far. Each command sees the ones before it, as if they were committed; what they
 * changed is collected for the store.
 */
export interface Draft {
  readonly moment: Date;
  order(id: bigint): Order | undefined;
  orderByRequest(requestId: string): Order | undefined;
  orderByKey(userId: bigint, key: string): { readonly stored: StoredKey; readonly order: Order } | undefined;
  stock(sku: number): Stock | undefined;
  drawOrderId(): bigint;
  /** Keeps a new order, with its event `new`. */
  create(order: Order, traceparent: string | undefined): void;
  /** The next status, with its event and what it does to the stock of every line. */
  advance(
    order: Order,
    status: OrderStatus,
    options: { cause?: OrderCause; moves?: 'reserve' | 'release' | 'ship'; traceparent: string | undefined },
  ): void;
  keepKey(key: StoredKey): void;
  changes(): Changes;
}

const keyOf = (userId: bigint, key: string) => `${userId} ${key}`;

export function createDraft(loaded: Loaded): Draft {
  const orders = new Map<bigint, Order>();
  const requests = new Map<string, bigint>();
  const keys = new Map<string, StoredKey>();
  const stocks = new Map(loaded.stocks);
  for (const order of [...loaded.known, ...loaded.orders]) {
    orders.set(order.id, order);
    requests.set(order.requestId, order.id);
  }
  for (const key of loaded.keys) keys.set(keyOf(key.userId, key.key), key);

  const lockedIds = new Set(loaded.orders.map(({ id }) => id));
  const created = new Set<bigint>();
  const changed = new Set<bigint>();
  const movements: Movement[] = [];
  const events: Changes['events'][number][] = [];
  const newKeys: StoredKey[] = [];
  let drawn = 0;

  function record(order: Order, traceparent: string | undefined): void {
    orders.set(order.id, order);
    const { id: orderId, version, status, cause } = order;
    events.push({ orderId, version, status, cause, traceparent });
  }

  function move(kind: 'reserve' | 'release' | 'ship', order: Order, line: OrderLine): void {
    const stock = stocks.get(line.sku);
    if (stock === undefined) throw new Error(`order ${order.id} has sku ${line.sku}, which has no stock`);
    const movement = moveLine(kind, order.id, line);
    stocks.set(line.sku, applyMovement(stock, movement));
    movements.push(movement);
  }

  return {
    moment: loaded.moment,
    // A known order was not locked: whoever wants to change it must ask for it by id.
    order: (id) => (lockedIds.has(id) || created.has(id) ? orders.get(id) : undefined),
    orderByRequest(requestId) {
      const id = requests.get(requestId);
      return id === undefined ? undefined : orders.get(id);
    },
    orderByKey(userId, key) {
      const stored = keys.get(keyOf(userId, key));
      const order = stored && orders.get(stored.orderId);
      return stored && order && { stored, order };
    },
    stock: (sku) => stocks.get(sku),
    drawOrderId() {
      const id = loaded.orderIds[drawn];
      drawn += 1;
      if (id === undefined) throw new Error('the batch drew more order ids than it asked for');
      return id;
    },
    create(order, traceparent) {
      created.add(order.id);
      requests.set(order.requestId, order.id);
      record(order, traceparent);
    },
    advance(order, status, { cause, moves, traceparent }) {
      if (!created.has(order.id)) changed.add(order.id);
      if (moves !== undefined) for (const line of order.lines) move(moves, order, line);
      record(advance(order, status, cause ?? null), traceparent);
    },
    keepKey(key) {
      keys.set(keyOf(key.userId, key.key), key);
      newKeys.push(key);
    },
    changes: () => ({
      moment: loaded.moment,
      created: [...created].map((id) => orders.get(id) as Order),
      changed: [...changed].map((id) => orders.get(id) as Order),
      movements,
      events,
      keys: newKeys,
    }),
  };
}
