import { timestampMs } from '@bufbuild/protobuf/wkt';
import { AppError, type ErrorKind } from '@tally/platform/errors';
import { type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Loms, OrderCreateRequest } from '@tally/proto/loms';

export interface FakeOrder {
  readonly id: bigint;
  readonly userId: bigint;
  readonly checkoutId: string;
  /** The sku and the count of each line. */
  readonly lines: readonly (readonly [number, number])[];
  readonly refusal: AppError | undefined;
}

type Answer = { orderId: bigint };
type Request = Pick<OrderCreateRequest, 'user' | 'items' | 'checkoutId' | 'decideBefore'>;

/** A simple loms with the two calls that cart uses. It keeps every order, and finds it again by its checkout id. */
export interface FakeLoms {
  /** Available units by sku. */
  readonly stock: Map<number, number>;
  readonly orders: FakeOrder[];
  /** All OrderCreate requests, in the order of their arrival. */
  readonly requests: Request[];
  /** Handles each OrderCreate. A test replaces it to fail, to delay, or to lose the answer. */
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
      return loms.onCreate(async () => answerOf(decide(loms, request, nowMs())), request);
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
  const refusal = isLate ? expired(id) : insufficientStock(loms, id, lines);
  const order = { id, userId: user, checkoutId, lines, refusal };
  if (refusal === undefined) {
    for (const [sku, count] of lines) loms.stock.set(sku, (loms.stock.get(sku) ?? 0) - count);
  }
  loms.orders.push(order);
  return order;
}

function answerOf({ id, refusal }: FakeOrder): Answer {
  if (refusal !== undefined) throw refusal;
  return { orderId: id };
}

const expired = (id: bigint) =>
  new AppError('failed-precondition', 'too late', { reason: 'CHECKOUT_EXPIRED', values: { orderId: String(id) } });

function insufficientStock(loms: FakeLoms, id: bigint, lines: FakeOrder['lines']): AppError | undefined {
  const shortages = lines
    .map(([sku, requested]) => ({ sku, requested, available: loms.stock.get(sku) ?? 0 }))
    .filter(({ requested, available }) => available < requested);
  if (shortages.length === 0) return undefined;
  const values = { orderId: String(id), shortages: JSON.stringify(shortages), total: String(shortages.length) };
  return new AppError('failed-precondition', 'insufficient stock', { reason: 'INSUFFICIENT_STOCK', values });
}

const CODE_OF: Partial<Record<ErrorKind, Code>> = {
  'failed-precondition': Code.FAILED_PRECONDITION,
  'already-exists': Code.ALREADY_EXISTS,
  'not-found': Code.NOT_FOUND,
  'resource-exhausted': Code.RESOURCE_EXHAUSTED,
};

/** Returns a client of the fake that uses no socket. Errors arrive as they would over gRPC. */
export function clientOf(loms: FakeLoms): Pick<ClientOf<typeof Loms>, 'orderCreate' | 'stockInfo'> {
  const asRpcError = (error: unknown): never => {
    if (!(error instanceof AppError)) throw error;
    const { message, reason = '', values, retryAfterMs } = error;
    const code = CODE_OF[error.kind] ?? Code.UNAVAILABLE;
    const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
    throw new RpcError({ code, message, reason, domain: 'loms', values: { ...values }, ...retry });
  };
  return {
    orderCreate: (request) => loms.orderCreate(request as Request).catch(asRpcError) as never,
    stockInfo: (request) => loms.stockInfo(request as { sku: number }).catch(asRpcError) as never,
  };
}

/** Returns a failure of the transport: an error with a code, but without the domain and reason that loms would give. */
export const transportError = (code: Code) => new RpcError({ code, message: 'the call failed' });
