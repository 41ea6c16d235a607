import { AppError, keyReused } from '@tally/platform/errors';

export const MAX_LINES = 1_000;
export const MAX_LINE_COUNT = 65_535;

/** Of one sku. An id is never used again: a line that was removed and added again is another line. */
export interface CartLine {
  readonly id: bigint;
  readonly sku: number;
  /** 1 to 65535. */
  readonly count: number;
  /** As last seen in the product service, like the price. */
  readonly name: string;
  readonly price: number;
}

export type CheckoutState = 'open' | 'done' | 'refused';

/** Why a checkout gave no order, as it is told to whoever asks. */
export interface Refusal {
  readonly kind: 'failed-precondition' | 'unavailable';
  readonly reason: string;
  /** The service that decided. */
  readonly domain: string;
  readonly message: string;
  readonly values: Readonly<Record<string, string>>;
}

/** An intent to order what the cart held in one moment. Its id is the request id of the one order that it can lead to. */
export interface Checkout {
  readonly id: string;
  readonly userId: bigint;
  readonly state: CheckoutState;
  /** From then on loms creates no order of it. */
  readonly decideBefore: Date;
  readonly closedAt: Date | null;
  /** The order, or the failed order that loms keeps under this id; null after a conflict or where it was closed by hand. */
  readonly orderId: bigint | null;
  readonly refusal: Refusal | null;
  /** As they were frozen, by sku: every send is made of them alone. */
  readonly lines: readonly CartLine[];
}

/** What one decision sees: nothing of it can change until its changes are applied. */
export interface Cart {
  readonly userId: bigint;
  /** tally_now() behind the lock. */
  readonly moment: Date;
  /** By sku. */
  readonly lines: readonly CartLine[];
  /** A user has at most one. */
  readonly open: Checkout | undefined;
  /** The checkout of the wanted key. */
  readonly keyed: Checkout | undefined;
  /** The checkout of the wanted id. */
  readonly named: Checkout | undefined;
  /** The newest that is done. */
  readonly lastDone: Checkout | undefined;
  /** The request that the wanted key of AddItem was used for. */
  readonly addKeyHash: Buffer | undefined;
}

/** What one decision writes. */
export interface Changes {
  readonly removedLineIds?: readonly bigint[];
  readonly changedLines?: readonly CartLine[];
  readonly addedLine?: Omit<CartLine, 'id'>;
  readonly addKey?: AddKey;
  readonly frozen?: { readonly checkout: Checkout; readonly claimMs: number };
  /** Moves the end of a claim on, never back. */
  readonly extended?: { readonly checkoutId: string; readonly claimMs: number };
  readonly checkoutKey?: { readonly key: string; readonly checkoutId: string };
  /** As it is now. */
  readonly closed?: Checkout;
  readonly audit?: { readonly action: string; readonly subject: string; readonly reason: string };
}

export interface Decision<A> {
  readonly changes: Changes;
  readonly answer: A;
}

export interface AddKey {
  readonly text: string;
  /** Of the decoded request. */
  readonly requestHash: Buffer;
}

export interface Product {
  readonly name: string;
  readonly price: number;
}

export interface AddToCart {
  readonly sku: number;
  readonly count: number;
  readonly key: AddKey | undefined;
  /** What the other services said. A failure counts only where the decision needs to know. */
  readonly product: PromiseSettledResult<Product | undefined>;
  readonly available: PromiseSettledResult<bigint>;
}

/** Undefined: added, now or by the key's first use. Else what the caller is told. */
export type AddAnswer = { readonly error: unknown } | undefined;

/** Adds units to a line. A key that is known is answered before anything is refused. */
export function add(cart: Cart, command: AddToCart): Decision<AddAnswer> {
  const { sku, count, key, product } = command;
  if (key !== undefined && cart.addKeyHash !== undefined) return unchanged(answerByKey(cart.addKeyHash, key));
  const error = whyNot(cart, command);
  if (error !== undefined) return unchanged({ error });
  const seen = (product as PromiseFulfilledResult<Product>).value;
  const line = cart.lines.find((each) => each.sku === sku);
  const changes: Changes =
    line === undefined
      ? { addedLine: { sku, count, ...seen } }
      : { changedLines: [{ ...line, count: line.count + count, ...seen }] };
  return { changes: key === undefined ? changes : { ...changes, addKey: key }, answer: undefined };
}

/** What a key answers that was used before, for the request with this hash. */
export function answerByKey(usedFor: Buffer, { text, requestHash }: AddKey): AddAnswer {
  return usedFor.equals(requestHash) ? undefined : { error: keyReused(text) };
}

/** The contract's order of checks: the product, room in the cart, stock. */
function whyNot(cart: Cart, { sku, count, product, available }: AddToCart): unknown {
  if (product.status === 'rejected') return product.reason;
  if (product.value === undefined) return unknownSku(sku);
  const line = cart.lines.find((each) => each.sku === sku);
  const held = line?.count ?? 0;
  if (line === undefined && cart.lines.length >= MAX_LINES) return cartFull();
  if (held + count > MAX_LINE_COUNT) return lineFull(sku, held + count);
  if (available.status === 'rejected') return available.reason;
  const requested = held - frozenOf(cart, line) + count;
  if (available.value < BigInt(requested)) return stockTooSmall(sku, requested, Number(available.value));
  return undefined;
}

/** Units of a line that an open checkout may have reserved already. */
function frozenOf(cart: Cart, line: CartLine | undefined): number {
  return cart.open?.lines.find(({ id }) => id === line?.id)?.count ?? 0;
}

export function remove(cart: Cart, sku: number): Decision<void> {
  return removeLines(cart.lines.filter((line) => line.sku === sku));
}

export function clear(cart: Cart): Decision<void> {
  return removeLines(cart.lines);
}

const removeLines = (lines: readonly CartLine[]): Decision<void> => ({
  changes: lines.length === 0 ? {} : { removedLineIds: lines.map(({ id }) => id) },
  answer: undefined,
});

/** Takes over names and prices that were just seen; lines that are gone meanwhile stay gone, counts stay as they are. */
export function reprice(cart: Cart, seen: ReadonlyMap<bigint, Product>): Decision<void> {
  const changedLines = cart.lines.flatMap((line) => {
    const product = seen.get(line.id);
    return product === undefined || isPriced(line, product) ? [] : [{ ...line, ...product }];
  });
  return { changes: changedLines.length === 0 ? {} : { changedLines }, answer: undefined };
}

export const isPriced = (line: CartLine, { name, price }: Product): boolean =>
  line.name === name && line.price === price;

/** A bigint: 1,000 lines of 65,535 units can pass 2^53. */
export function totalOf(lines: readonly Pick<CartLine, 'count' | 'price'>[]): bigint {
  return lines.reduce((total, { count, price }) => total + BigInt(count) * BigInt(price), 0n);
}

export const unchanged = <A>(answer: A): Decision<A> => ({ changes: {}, answer });

function unknownSku(sku: number): AppError {
  return new AppError('failed-precondition', `there is no product with sku ${sku}`, {
    reason: 'UNKNOWN_SKU',
    values: { sku: String(sku) },
  });
}

function cartFull(): AppError {
  return new AppError('failed-precondition', `the cart is full: it takes ${MAX_LINES} lines at most`, {
    reason: 'CART_FULL',
    values: { limit: String(MAX_LINES) },
  });
}

function lineFull(sku: number, requested: number): AppError {
  return new AppError('failed-precondition', `sku ${sku}: ${requested} units; a line takes ${MAX_LINE_COUNT} at most`, {
    reason: 'CART_FULL',
    values: { sku: String(sku), requested: String(requested), limit: String(MAX_LINE_COUNT) },
  });
}

function stockTooSmall(sku: number, requested: number, available: number): AppError {
  return new AppError('failed-precondition', `sku ${sku} has ${available} of ${requested}`, {
    reason: 'INSUFFICIENT_STOCK',
    values: { shortages: JSON.stringify([{ sku, requested, available }]), total: '1' },
  });
}
