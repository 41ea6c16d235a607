import { AppError, keyReused } from '@tally/platform/errors';

import { type AddKey, type Cart, type CartLine, type Changes, type Decision, unchanged } from './cart.ts';
import type { Product } from './product.ts';

/*
  The decisions about what lies in a cart: add, remove, clear, reprice.
*/

const MAX_LINES = 1_000;
const MAX_LINE_COUNT = 65_535;

/** A request to add units, with what the other services answered. */
export interface Addition {
  readonly sku: number;
  readonly count: number;
  readonly key: AddKey | undefined;
  /** The answer of the product service; undefined means that there is no such product. */
  readonly product: PromiseSettledResult<Product | undefined>;
  /**
   * The answer of loms: units that can be ordered. If loms failed, that matters only when nothing else refuses the
   * request.
   */
  readonly available: PromiseSettledResult<bigint>;
}

/**
 * Undefined when the request is accepted: its units are added now, or were added by an earlier request with its key.
 */
export type AdditionAnswer = { readonly error: unknown } | undefined;

/** Adds units to the line of their sku. When the key was used before, nothing else is checked and nothing is added. */
export function addItem(cart: Cart, addition: Addition): Decision<AdditionAnswer> {
  const { sku, count, key, product } = addition;
  if (key !== undefined && cart.addKeyHash !== undefined) return unchanged(answerByKey(key, cart.addKeyHash));
  const error = findRefusal(cart, addition);
  if (error !== undefined) return unchanged({ error });
  const { name, price } = (product as PromiseFulfilledResult<Product>).value;
  const line = lineOf(cart, sku);
  const changes: Changes =
    line === undefined
      ? { addedLine: { sku, count, name, price } }
      : { changedLines: [{ ...line, count: line.count + count, name, price }] };
  return { changes: key === undefined ? changes : { ...changes, addKey: key }, answer: undefined };
}

/** Returns the answer to a request whose key was used before. `usedHash` is the hash of that earlier request. */
export function answerByKey({ text, requestHash }: AddKey, usedHash: Buffer): AdditionAnswer {
  return usedHash.equals(requestHash) ? undefined : { error: keyReused(text) };
}

/**
 * Returns the error with which a request is refused, or undefined. Checks the product, the room in the cart, the stock.
 */
function findRefusal(cart: Cart, { sku, count, product, available }: Addition): unknown {
  if (product.status === 'rejected') return product.reason;
  if (product.value === undefined) return unknownSku(sku);
  const line = lineOf(cart, sku);
  const total = (line?.count ?? 0) + count;
  if (line === undefined && cart.lines.length >= MAX_LINES) return cartFull();
  if (total > MAX_LINE_COUNT) return lineFull(sku, total);
  if (available.status === 'rejected') return available.reason;
  const needed = total - frozenCount(cart, line);
  if (available.value < BigInt(needed)) return insufficientStock(sku, needed, Number(available.value));
  return undefined;
}

const lineOf = (cart: Cart, sku: number): CartLine | undefined => cart.lines.find((line) => line.sku === sku);

/**
 * Returns how many units of a line the open checkout froze. loms may have reserved them already, and then does not
 * count them as available. So the available units must cover only the rest of the line.
 */
function frozenCount({ openCheckout }: Cart, line: CartLine | undefined): number {
  return openCheckout?.lines.find(({ id }) => id === line?.id)?.count ?? 0;
}

/** Removes the line of a sku. A sku that is not in the cart is no error. */
export function removeItem(cart: Cart, sku: number): Decision<void> {
  return removeLines(cart.lines.filter((line) => line.sku === sku));
}

/** Removes every line. */
export function clearItems(cart: Cart): Decision<void> {
  return removeLines(cart.lines);
}

function removeLines(lines: readonly CartLine[]): Decision<void> {
  return { changes: lines.length === 0 ? {} : { removedLineIds: lines.map(({ id }) => id) }, answer: undefined };
}

/**
 * Writes the looked-up names and prices, which are given by line id. Lines that were removed meanwhile stay removed.
 */
export function repriceItems(cart: Cart, products: ReadonlyMap<bigint, Product>): Decision<void> {
  const changedLines = cart.lines.flatMap((line) => {
    const product = products.get(line.id);
    return product === undefined || isUpToDate(line, product) ? [] : [{ ...line, ...product }];
  });
  return { changes: changedLines.length === 0 ? {} : { changedLines }, answer: undefined };
}

/** Returns whether a line already shows the name and price of this product. */
export const isUpToDate = (line: CartLine, { name, price }: Product): boolean =>
  line.name === name && line.price === price;

/** Returns the sum of count × price. It is a bigint because 1,000 lines of 65,535 units can exceed 2^53. */
export function totalOf(lines: readonly Pick<CartLine, 'count' | 'price'>[]): bigint {
  return lines.reduce((total, { count, price }) => total + BigInt(count) * BigInt(price), 0n);
}

function unknownSku(sku: number): AppError {
  return new AppError('failed-precondition', `there is no product with sku ${sku}`, {
    reason: 'UNKNOWN_SKU',
    values: { sku: String(sku) },
  });
}

function cartFull(): AppError {
  return new AppError('failed-precondition', `the cart is full: it holds at most ${MAX_LINES} lines`, {
    reason: 'CART_FULL',
    values: { limit: String(MAX_LINES) },
  });
}

function lineFull(sku: number, requested: number): AppError {
  const message = `the cart would hold ${requested} units of sku ${sku}; the limit is ${MAX_LINE_COUNT}`;
  return new AppError('failed-precondition', message, {
    reason: 'CART_FULL',
    values: { sku: String(sku), requested: String(requested), limit: String(MAX_LINE_COUNT) },
  });
}

function insufficientStock(sku: number, requested: number, available: number): AppError {
  const message = `the cart would need ${requested} units of sku ${sku}; ${available} are available`;
  return new AppError('failed-precondition', message, {
    reason: 'INSUFFICIENT_STOCK',
    values: { shortages: JSON.stringify([{ sku, requested, available }]), total: '1' },
  });
}
