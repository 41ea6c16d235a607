import type { Cart, CartLine, Checkout, CheckoutState } from '../carts/cart.ts';
import type { Product } from '../carts/product.ts';

/*
  Values for cart's tests.
*/

export const MOMENT = new Date('2026-11-24T12:00:00Z');
export const USER = 7n;

/** Returns a line with the name and price of the catalogue. Its id is the sku unless another one is given. */
export const line = (sku: number, count: number, id = sku): CartLine => ({
  id: BigInt(id),
  sku,
  count,
  name: `product ${sku}`,
  price: 100,
});

let ids = 0;

/** Returns a UUID that was not returned before. Its last digits count the calls. */
export function newId(): string {
  ids += 1;
  return `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`;
}

/** Returns an empty cart without any checkout, except for the parts that are given. */
export function cartWith(parts: Partial<Cart> = {}): Cart {
  return {
    userId: USER,
    moment: MOMENT,
    lines: [],
    openCheckout: undefined,
    checkoutByKey: undefined,
    checkoutById: undefined,
    lastDone: undefined,
    addKeyHash: undefined,
    ...parts,
  };
}

/** Returns a checkout of 2 units of sku 1. One that is not open was closed at MOMENT with order 5. */
export function checkoutIn(state: CheckoutState, parts: Partial<Checkout> = {}): Checkout {
  const refusal = {
    kind: 'failed-precondition',
    reason: 'INSUFFICIENT_STOCK',
    domain: 'loms',
    message: 'insufficient stock',
    values: { orderId: '5' },
  } as const;
  return {
    id: newId(),
    userId: USER,
    state,
    decideBefore: new Date(MOMENT.getTime() + 60_000),
    closedAt: state === 'open' ? null : MOMENT,
    orderId: state === 'open' ? null : 5n,
    refusal: state === 'refused' ? refusal : null,
    lines: [line(1, 2)],
    ...parts,
  };
}

/**
 * Returns a catalogue of the skus 1 to 2000. Each has the name `product <sku>` and the price 100. Tests may change it.
 */
export function createCatalogue(): Map<number, Product> {
  return new Map(Array.from({ length: 2000 }, (_, i) => [i + 1, { name: `product ${i + 1}`, price: 100 }]));
}
