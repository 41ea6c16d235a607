import { timestampMs } from '@bufbuild/protobuf/wkt';
import { AppError, type ErrorKind } from '@tally/platform/errors';
import { type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Loms, OrderCreateRequest } from '@tally/proto/loms';

import type { Product } from '../carts/cart.ts';
import type { Cart, CartLine, Checkout, CheckoutState } from '../carts/cart.ts';

/** Building blocks of cart's tests. */
export const MOMENT = new Date('2026-11-24T12:00:00Z');
export const USER = 7n;

export const line = (sku: number, count: number, id = sku): CartLine => ({
  id: BigInt(id),
  sku,
  count,
  name: `product ${sku}`,
  price: 100,
});

let ids = 0;

/** UUIDs that count up. */
export function newId(): string {
  ids += 1;
  return `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`;
}

export function cartOf(more: Partial<Cart> = {}): Cart {
  return {
    userId: USER,
    moment: MOMENT,
    lines: [],
    open: undefined,
    keyed: undefined,
    named: undefined,
    lastDone: undefined,
    addKeyHash: undefined,
    ...more,
  };
}

/** A checkout of 2 units of sku 1, frozen now, or done or refused now. */
export function checkoutIn(state: CheckoutState, more: Partial<Checkout> = {}): Checkout {
  const values = { orderId: '5' };
  const refusal = {
    kind: 'failed-precondition',
    reason: 'INSUFFICIENT_STOCK',
    domain: 'loms',
    message: 'short',
    values,
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
    ...more,
  };
}

export interface FakeOrder {
  readonly id: bigint;
  readonly userId: bigint;
  readonly checkoutId: string;
  /** sku and count. */
  readonly lines: readonly (readonly [number, number])[];
  readonly refusal: AppError | undefined;
}

type Answer = { orderId: bigint };
type Request = Pick<OrderCreateRequest, 'user' | 'items' | 'checkoutId' | 'decideBefore'>;

/** What cart needs of loms, in a few lines: checkouts by their id, for ever. */
export interface FakeLoms {
  readonly stock: Map<number, number>;
  readonly orders: FakeOrder[];
  readonly requests: Request[];
  /** Put in the way of each OrderCreate: it may fail, wait, or lose the answer. */
  onCreate: (proceed: () => Promise<Answer>, request: Request) => Promise<Answer>;
  onStockInfo: (proceed: () => { count: bigint }) => Promise<{ count: bigint }>;
  orderCreate(request: Request): Promise<Answer>;
  stockInfo(request: { sku: number }): Promise<{ count: bigint }>;
}

export function createFakeLoms(nowMs: () => number): FakeLoms {
  const loms: FakeLoms = {
    stock: new Map(),
    orders: [],
    requests: [],
    onCreate: (proceed) => proceed(),
    onStockInfo: async (proceed) => proceed(),
    orderCreate(request) {
      loms.requests.push(request);
      return loms.onCreate(async () => outcomeOf(decide(loms, request, nowMs())), request);
    },
    stockInfo({ sku }) {
      return loms.onStockInfo(() => {
        const count = loms.stock.get(sku);
        if (count === undefined) throw new AppError('not-found', 'no such sku', { reason: 'UNKNOWN_SKU' });
        return { count: BigInt(count) };
      });
    },
  };
  return loms;
}

function decide(loms: FakeLoms, { user, items, checkoutId, decideBefore }: Request, nowMs: number): FakeOrder {
  const lines = items.map(({ sku, count }) => [sku, Number(count)] as const);
  const known = loms.orders.find((order) => order.checkoutId === checkoutId);
  if (known !== undefined) {
    const isSame = known.lines.length === 0 || lines.length === 0 || Bun.deepEquals(known.lines, lines);
    if (known.userId === user && isSame) return known;
    throw new AppError('already-exists', 'taken', { reason: 'CHECKOUT_ID_TAKEN', values: { checkoutId } });
  }
  const isLate = decideBefore !== undefined && nowMs >= timestampMs(decideBefore);
  if (lines.length === 0 && !isLate) throw new AppError('not-found', 'no such order', { reason: 'UNKNOWN_CHECKOUT' });
  const id = BigInt(loms.orders.length + 1);
  const order = { id, userId: user, checkoutId, lines, refusal: isLate ? late(id) : shortage(loms, id, lines) };
  if (order.refusal === undefined) {
    for (const [sku, count] of lines) loms.stock.set(sku, (loms.stock.get(sku) ?? 0) - count);
  }
  loms.orders.push(order);
  return order;
}

function outcomeOf({ id, refusal }: FakeOrder): Answer {
  if (refusal !== undefined) throw refusal;
  return { orderId: id };
}

const late = (id: bigint) =>
  new AppError('failed-precondition', 'too late', { reason: 'CHECKOUT_EXPIRED', values: { orderId: String(id) } });

function shortage(loms: FakeLoms, id: bigint, lines: FakeOrder['lines']): AppError | undefined {
  const shortages = lines
    .map(([sku, requested]) => ({ sku, requested, available: loms.stock.get(sku) ?? 0 }))
    .filter(({ requested, available }) => available < requested);
  if (shortages.length === 0) return undefined;
  const values = { orderId: String(id), shortages: JSON.stringify(shortages), total: String(shortages.length) };
  return new AppError('failed-precondition', 'too little', { reason: 'INSUFFICIENT_STOCK', values });
}

const CODE_OF: Partial<Record<ErrorKind, Code>> = {
  'failed-precondition': Code.FAILED_PRECONDITION,
  'already-exists': Code.ALREADY_EXISTS,
  'not-found': Code.NOT_FOUND,
  'resource-exhausted': Code.RESOURCE_EXHAUSTED,
};

/** The fake as a client reaches it, without a socket. */
export function clientOf(loms: FakeLoms): Pick<ClientOf<typeof Loms>, 'orderCreate' | 'stockInfo'> {
  const arrive = (error: unknown): never => {
    if (!(error instanceof AppError)) throw error;
    const { message, reason = '', values, retryAfterMs } = error;
    const code = CODE_OF[error.kind] ?? Code.UNAVAILABLE;
    const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
    throw new RpcError({ code, message, reason, domain: 'loms', values: { ...values }, ...retry });
  };
  return {
    orderCreate: (request) => loms.orderCreate(request as Request).catch(arrive) as never,
    stockInfo: (request) => loms.stockInfo(request as { sku: number }).catch(arrive) as never,
  };
}

/** A catalogue of skus 1 to 2000, `product <sku>` for 100 each, that can be changed. */
export function createCatalogue(): Map<number, Product> {
  return new Map(Array.from({ length: 2000 }, (_, i) => [i + 1, { name: `product ${i + 1}`, price: 100 }]));
}
