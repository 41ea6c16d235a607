import type { OrderCause, OrderStatus } from '@tally/proto/events';

import type { Changes, Loaded, RecordedEvent, StoredKey } from './decision.ts';
import { type Order, type OrderLine, transition } from './order.ts';
import { type Movement, type MovementKind, type Stock, applyMovement, moveLine } from './stock.ts';

/**
 * What a batch has loaded and decided so far. Each command sees the changes of the commands before it, as if they were
 * committed. The draft collects all changes for the store.
 */
export interface Draft {
  readonly moment: Date;
  /** Begins the next command. The events from here on carry its trace. */
  begin(traceparent: string | undefined): void;
  /** Returns an order that was locked, or created in this batch. */
  order(id: bigint): Order | undefined;
  orderByRequest(requestId: string): Order | undefined;
  orderByKey(userId: bigint, key: string): { readonly requestHash: Buffer; readonly order: Order } | undefined;
  stock(sku: number): Stock | undefined;
  drawOrderId(): bigint;
  /** Adds a new order, with its first event. */
  create(order: Order): void;
  /** Takes the order to its next status, with the event and the stock movements of that transition. */
  advance(order: Order, status: OrderStatus, cause?: OrderCause): void;
  addKey(key: StoredKey): void;
  changes(): Changes;
}

const keyOf = (userId: bigint, key: string) => `${userId} ${key}`;

export function createDraft(loaded: Loaded): Draft {
  const orders = new Map<bigint, Order>();
  const idsByRequest = new Map<string, bigint>();
  for (const order of [...loaded.known, ...loaded.orders]) {
    orders.set(order.id, order);
    idsByRequest.set(order.requestId, order.id);
  }
  const keys = new Map(loaded.keys.map((key) => [keyOf(key.userId, key.key), key]));
  const stocks = new Map(loaded.stocks);
  const lockedIds = new Set(loaded.orders.map(({ id }) => id));

  const createdIds = new Set<bigint>();
  const changedIds = new Set<bigint>();
  const movements: Movement[] = [];
  const events: RecordedEvent[] = [];
  const addedKeys: StoredKey[] = [];
  let drawnIds = 0;
  let currentTraceparent: string | undefined;

  function orderOf(id: bigint): Order {
    const order = orders.get(id);
    if (order === undefined) throw new Error(`order ${id} is not in the draft`);
    return order;
  }

  function record(order: Order): void {
    orders.set(order.id, order);
    const { id: orderId, version, status, cause } = order;
    events.push({ orderId, version, status, cause, traceparent: currentTraceparent });
  }

  function move(kind: MovementKind, orderId: bigint, line: OrderLine): void {
    const stock = stocks.get(line.sku);
    if (stock === undefined) throw new Error(`order ${orderId} has a line of sku ${line.sku}, which has no stock`);
    const movement = moveLine(kind, orderId, line);
    stocks.set(line.sku, applyMovement(stock, movement));
    movements.push(movement);
  }

  return {
    moment: loaded.moment,
    begin(traceparent) {
      currentTraceparent = traceparent;
    },
    // A known order that was not locked may be changing now, so it counts as absent here.
    order: (id) => (lockedIds.has(id) || createdIds.has(id) ? orders.get(id) : undefined),
    orderByRequest(requestId) {
      const id = idsByRequest.get(requestId);
      return id === undefined ? undefined : orderOf(id);
    },
    orderByKey(userId, key) {
      const stored = keys.get(keyOf(userId, key));
      if (stored === undefined) return undefined;
      // Keys are loaded in one statement and their orders in the next. A key that expires in between has no order here,
      // and counts as deleted.
      const order = orders.get(stored.orderId);
      return order && { requestHash: stored.requestHash, order };
    },
    stock: (sku) => stocks.get(sku),
    drawOrderId() {
      const id = loaded.orderIds[drawnIds];
      drawnIds += 1;
      if (id === undefined)
        throw new Error(`the batch needs more than the ${loaded.orderIds.length} order ids it drew`);
      return id;
    },
    create(order) {
      createdIds.add(order.id);
      idsByRequest.set(order.requestId, order.id);
      record(order);
    },
    advance(order, status, cause) {
      const { next, movement } = transition(order, status, cause ?? null);
      if (!createdIds.has(order.id)) changedIds.add(order.id);
      if (movement !== undefined) for (const line of order.lines) move(movement, order.id, line);
      record(next);
    },
    addKey(key) {
      keys.set(keyOf(key.userId, key.key), key);
      addedKeys.push(key);
    },
    changes: () => ({
      moment: loaded.moment,
      created: [...createdIds].map(orderOf),
      changed: [...changedIds].map(orderOf),
      movements,
      events,
      keys: addedKeys,
    }),
  };
}
