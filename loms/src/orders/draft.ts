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
  /** Returns an order that may be changed, because it was locked or created in this batch. */
  order(id: bigint): Order | undefined;
  /** Returns the order that was created under this request id, which need not be locked. */
  orderByRequest(requestId: string): Order | undefined;
  /** Returns the order that answered this idempotency key, which need not be locked, and the hash of the request. */
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

export function createDraft(loaded: Loaded): Draft {
  const index = createIndex(loaded);
  const stocks = new Map(loaded.stocks);
  const createdIds = new Set<bigint>();
  const changedIds = new Set<bigint>();
  const movements: Movement[] = [];
  const events: RecordedEvent[] = [];
  const addedKeys: StoredKey[] = [];
  let drawnIds = 0;
  let currentTraceparent: string | undefined;

  function record({ id: orderId, version, status, cause }: Order): void {
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
    order: index.order,
    orderByRequest: index.orderByRequest,
    orderByKey: index.orderByKey,
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
      index.add(order);
      record(order);
    },
    advance(order, status, cause) {
      const { next, movement } = transition(order, status, cause ?? null);
      if (!createdIds.has(order.id)) changedIds.add(order.id);
      if (movement !== undefined) for (const line of order.lines) move(movement, order.id, line);
      index.replace(next);
      record(next);
    },
    addKey(key) {
      index.addKey(key);
      addedKeys.push(key);
    },
    changes: () => ({
      moment: loaded.moment,
      created: [...createdIds].map(index.orderOf),
      changed: [...changedIds].map(index.orderOf),
      movements,
      events,
      keys: addedKeys,
    }),
  };
}

/** The orders and keys of a draft, as the commands so far have left them. */
function createIndex(loaded: Loaded) {
  const orders = new Map([...loaded.known, ...loaded.orders].map((order) => [order.id, order]));
  const idsByRequest = new Map([...orders.values()].map(({ id, requestId }) => [requestId, id]));
  const keys = new Map(loaded.keys.map((key) => [keyOf(key.userId, key.key), key]));
  const changeableIds = new Set(loaded.orders.map(({ id }) => id));

  function orderOf(id: bigint): Order {
    const order = orders.get(id);
    if (order === undefined) throw new Error(`order ${id} is not in the draft`);
    return order;
  }

  return {
    orderOf,
    // A known order that was not locked may be changing now, so it counts as absent here.
    order: (id: bigint) => (changeableIds.has(id) ? orders.get(id) : undefined),
    orderByRequest(requestId: string) {
      const id = idsByRequest.get(requestId);
      return id === undefined ? undefined : orderOf(id);
    },
    orderByKey(userId: bigint, key: string) {
      const stored = keys.get(keyOf(userId, key));
      if (stored === undefined) return undefined;
      // Keys are loaded in one statement and their orders in the next. A key that expires in between has no order here,
      // and counts as deleted.
      const order = orders.get(stored.orderId);
      return order && { requestHash: stored.requestHash, order };
    },
    add(order: Order): void {
      changeableIds.add(order.id);
      idsByRequest.set(order.requestId, order.id);
      orders.set(order.id, order);
    },
    replace: (order: Order) => void orders.set(order.id, order),
    addKey: (key: StoredKey) => void keys.set(keyOf(key.userId, key.key), key),
  };
}

const keyOf = (userId: bigint, key: string) => `${userId} ${key}`;
