import type { Rooms } from './structure.ts';

/** The rooms of cart and loms, which docs/architecture.md draws. The notifier has none. */
export const ROOMS: Rooms = {
  cart: [[''], ['checkout', 'items'], ['store', 'orders', 'products'], ['carts']],
  loms: [[''], ['batch', 'outbox', 'reads', 'stock-load'], ['store'], ['orders']],
};
