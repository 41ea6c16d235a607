import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Loms } from '@tally/proto/loms';

import type { OrderOutcome, Orders } from './orders.ts';

const LOMS = 'loms';
/**
 * The reasons with which loms refuses a checkout for good. loms then keeps a failed order under the id of the checkout.
 */
const FINAL_REASONS = new Set(['INSUFFICIENT_STOCK', 'CHECKOUT_EXPIRED']);
const RETRY_AFTER_MS = 1_000;

/** Returns the port to loms, over gRPC. */
export function createGrpcOrders(client: Pick<ClientOf<typeof Loms>, 'orderCreate' | 'stockInfo'>): Orders {
  return {
    async create({ id, userId, lines, decideBefore }, options) {
      const request = {
        user: userId,
        items: lines.map(({ sku, count, name, price }) => ({ sku, count: BigInt(count), name, price })),
        checkoutId: id,
        decideBefore: timestampFromDate(decideBefore),
      };
      try {
        const { orderId } = await client.orderCreate(request, options);
        if (orderId > 0n) return { kind: 'ordered', orderId };
        return { kind: 'unknown', cause: new Error(`loms answered with order ${orderId} for checkout ${id}`) };
      } catch (error) {
        return toOutcome(error);
      }
    },
    async available(sku, options) {
      try {
        return (await client.stockInfo({ sku }, options)).count;
      } catch (error) {
        if (error instanceof RpcError && error.code === Code.NOT_FOUND) return 0n;
        throw error;
      }
    },
  };
}

/**
 * Returns what a failed OrderCreate proves. A code alone proves nothing, since a proxy or the transport can produce any
 * code. A checkout ends only when loms itself says that the id of the checkout is taken, or when loms refuses the order
 * for good and names the failed order that it keeps. After any other answer, INVALID_ARGUMENT too, loms may have made
 * the order in an earlier call.
 */
export function toOutcome(error: unknown): OrderOutcome {
  const unknown: OrderOutcome = { kind: 'unknown', cause: error };
  if (!(error instanceof RpcError) || error.domain !== LOMS) return unknown;
  const { code, reason = '', message, values } = error;
  if (code === Code.FAILED_PRECONDITION && FINAL_REASONS.has(reason)) {
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
