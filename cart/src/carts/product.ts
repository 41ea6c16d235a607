import type { Product } from './cart.ts';

/** No such product. Kept for a short while, like a product. */
export const UNKNOWN = Symbol('unknown');
export type Found = Product | typeof UNKNOWN;

const MAX_NAME_CHARS = 500;
const MAX_PRICE = 4_294_967_295;

/** Whether it may be shown and stored: what comes from outside may say anything. */
export function isProduct(value: unknown): value is Product {
  if (typeof value !== 'object' || value === null) return false;
  const { name, price } = value as Partial<Record<keyof Product, unknown>>;
  // Characters as PostgreSQL and the .proto count them.
  const isName = typeof name === 'string' && Array.from(name).length <= MAX_NAME_CHARS && !name.includes('\0');
  return isName && Number.isInteger(price) && Number(price) >= 0 && Number(price) <= MAX_PRICE;
}
