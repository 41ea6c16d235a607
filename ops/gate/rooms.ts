import type { Rooms } from './structure.ts';

/** The rooms of the services that have any. The notifier is flat. docs/architecture.md draws them. */
export const ROOMS: Rooms = {
  cart: [[''], ['checkout', 'items'], ['store', 'orders', 'products'], ['carts']],
  loms: [[''], ['batch', 'outbox', 'reads', 'stock-load'], ['store'], ['orders']],
};
