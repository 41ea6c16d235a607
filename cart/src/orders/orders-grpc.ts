import { type CallOptions, type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Loms } from '@tally/proto/loms';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import type { CartLine, Refusal } from '../carts/cart.ts';

/** What is asked of loms under a checkout's id. Without lines it is a question only. */
export interface OrderRequest {
  readonly checkoutId: string;
  readonly userId: bigint;
  readonly lines: readonly CartLine[];
  readonly decideBefore: Date;
}

/** What an answer to OrderCreate proves. Only the first three end a checkout: nothing else says that no order can follow. */
export type Outcome =
  | { readonly kind: 'ordered'; readonly orderId: bigint }
  /** loms keeps a failed order under this checkout's id. */
  | { readonly kind: 'refused'; readonly orderId: bigint; readonly refusal: Refusal }
  /** Somebody else used this checkout's id. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  | { readonly kind: 'unknown'; readonly cause: unknown };

/** The port to loms. */
export interface Orders {
  /** Never rejects: a failure is an outcome. */
  create(request: OrderRequest, options: CallOptions): Promise<Outcome>;
  /** Units that can be ordered now. A sku that loms does not know has none. */
  available(sku: number, options: CallOptions): Promise<bigint>;
}

const LOMS = 'loms';
const REFUSALS = new Set(['INSUFFICIENT_STOCK', 'CHECKOUT_EXPIRED']);
const RETRY_AFTER_MS = 1_000;

export function createOrders(client: Pick<ClientOf<typeof Loms>, 'orderCreate' | 'stockInfo'>): Orders {
  return {
    create: ({ checkoutId, userId, lines, decideBefore }, options) =>
      client
        .orderCreate(
          {
            user: userId,
            items: lines.map(({ sku, count, name, price }) => ({ sku, count: BigInt(count), name, price })),
            checkoutId,
            decideBefore: timestampFromDate(decideBefore),
          },
          options,
        )
        .then(({ orderId }) => toOutcome(orderId), toFailedOutcome),
    available: (sku, options) =>
      client.stockInfo({ sku }, options).then(
        ({ count }) => count,
        (error: unknown) => {
          if (error instanceof RpcError && error.code === Code.NOT_FOUND) return 0n;
          throw error;
        },
      ),
  };
}

const toOutcome = (orderId: bigint): Outcome =>
  orderId > 0n ? { kind: 'ordered', orderId } : { kind: 'unknown', cause: new Error('loms answered without an order') };

/** A code alone proves nothing: loms itself must have decided, and must name what it decided. */
export function toFailedOutcome(error: unknown): Outcome {
  const unknown: Outcome = { kind: 'unknown', cause: error };
  if (!(error instanceof RpcError) || error.domain !== LOMS) return unknown;
  const { code, reason = '', message, values } = error;
  if (code === Code.FAILED_PRECONDITION && REFUSALS.has(reason)) {
    const orderId = toOrderId(values['orderId']);
    const refusal = { kind: 'failed-precondition', reason, domain: LOMS, message, values } as const;
    return orderId === undefined ? unknown : { kind: 'refused', orderId, refusal };
  }
  if (code === Code.ALREADY_EXISTS && reason === 'CHECKOUT_ID_TAKEN') return { kind: 'taken' };
  if (code === Code.RESOURCE_EXHAUSTED && reason === 'QUEUE_FULL') {
    return { kind: 'busy', retryAfterMs: error.retryAfterMs ?? RETRY_AFTER_MS };
  }
  return unknown;
}

function toOrderId(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[1-9]\d{0,18}$/.test(text) ? BigInt(text) : undefined;
}
