/** The statuses of an order, spelled as the API, the events and the databases spell them. */
export const ORDER_STATUSES = ['new', 'awaiting payment', 'failed', 'payed', 'cancelled'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** Why an order failed or was cancelled. */
export type OrderCause = 'shortage' | 'checkout expired' | 'shopper' | 'payment expired';

interface OrderStep {
  /** Null for the first step of an order. */
  readonly from: OrderStatus | null;
  readonly to: OrderStatus;
  readonly cause: OrderCause | null;
  /** The reason with which OrderCreate is refused. Only steps that refuse an order have one. */
  readonly refusal?: 'INSUFFICIENT_STOCK' | 'CHECKOUT_EXPIRED';
}

/**
 * Every step that an order may take. Each step raises the order's version by one and is one event. A status that no
 * step leaves is final.
 *
 * verify compares the orders with this table. loms decides by a table of its own, so that verify finds a mistake in
 * either table.
 */
export const ORDER_STEPS: readonly OrderStep[] = [
  { from: null, to: 'new', cause: null },
  { from: 'new', to: 'awaiting payment', cause: null },
  { from: 'new', to: 'failed', cause: 'shortage', refusal: 'INSUFFICIENT_STOCK' },
  { from: 'new', to: 'failed', cause: 'checkout expired', refusal: 'CHECKOUT_EXPIRED' },
  { from: 'awaiting payment', to: 'payed', cause: null },
  { from: 'awaiting payment', to: 'cancelled', cause: 'shopper' },
  { from: 'awaiting payment', to: 'cancelled', cause: 'payment expired' },
];

/** For each status, the movements that each line of an order has made in the stock ledger by then. */
export const ORDER_MOVEMENTS: Readonly<Record<OrderStatus, readonly ('reserve' | 'release' | 'ship')[]>> = {
  new: [],
  'awaiting payment': ['reserve'],
  failed: [],
  payed: ['reserve', 'ship'],
  cancelled: ['reserve', 'release'],
};
