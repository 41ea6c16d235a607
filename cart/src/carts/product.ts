/** What the product service says about a sku. */
export interface Product {
  /** At most 500 characters, without U+0000. */
  readonly name: string;
  /** 0 to 4294967295. */
  readonly price: number;
}

const MAX_NAME_CHARS = 500;
const MAX_PRICE = 4_294_967_295;

/** Returns whether a value from outside is a product within the bounds that cart stores and shows. */
export function isProduct(value: unknown): value is Product {
  if (typeof value !== 'object' || value === null) return false;
  const { name, price } = value as Partial<Record<keyof Product, unknown>>;
  // Array.from counts code points, as PostgreSQL and the rules of the .proto files do.
  const isName = typeof name === 'string' && Array.from(name).length <= MAX_NAME_CHARS && !name.includes('\0');
  return isName && Number.isInteger(price) && Number(price) >= 0 && Number(price) <= MAX_PRICE;
}
