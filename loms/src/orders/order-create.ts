import { AppError, keyReused } from '@tally/platform/errors';

import type { CommandFrame } from './command.ts';
import type { Draft } from './draft.ts';
import { MAX_LINE_COUNT, type Order, type OrderLine, type StoredRefusal, haveSameGoods } from './order.ts';
import { available } from './stock.ts';

export interface CreateOrder extends CommandFrame {
  readonly kind: 'create';
  readonly userId: bigint;
  /**
   * From `sumLines`. Empty when the caller only asks for the outcome of a checkout, which needs its checkout id and
   * `decideBeforeMs`.
   */
  readonly lines: readonly OrderLine[];
  /**
   * The checkout id in lower case. Without one, an id that loms drew when the call came. It stays the same when the
   * batch is retried.
   */
  readonly requestId: string;
  /** Whether `requestId` is a checkout id. Only then can an earlier call have used it. */
  readonly hasCheckoutId: boolean;
  /** Milliseconds since the epoch. From this moment on, a new order fails as CHECKOUT_EXPIRED. */
  readonly decideBeforeMs: number | undefined;
  /** How long the order may stay unpaid. */
  readonly paymentTimeoutMs: number;
  readonly key: IdempotencyKey | undefined;
}

interface IdempotencyKey {
  readonly text: string;
  /** A hash of the decoded request, checkout id included. */
  readonly requestHash: Buffer;
}

/** Maximum number of shortages that a refusal lists. Its `total` counts all of them. */
const MAX_LISTED_SHORTAGES = 20;

/**
 * Creates an order, and reserves every line or none. When a line is short, or `decideBeforeMs` has passed, the order is
 * stored as failed. A request whose key or checkout id was used before creates no order, and gets the outcome of the
 * order that the earlier request created.
 *
 * Returns the order's id, or throws the refusal.
 */
export function decideCreate(draft: Draft, command: CreateOrder): bigint {
  const { userId, requestId, key } = command;
  if (key !== undefined) {
    const earlier = draft.orderByKey(userId, key.text);
    if (earlier !== undefined) {
      if (!earlier.requestHash.equals(key.requestHash)) throw keyReused(key.text);
      return outcomeOf(earlier.order);
    }
  }
  const known = draft.orderByRequest(requestId);
  if (known !== undefined && !isOutcomeFor(command, known)) throw checkoutIdTaken(requestId);
  const order = known ?? createOrder(draft, command);
  if (key !== undefined) draft.addKey({ userId, key: key.text, requestHash: key.requestHash, orderId: order.id });
  return outcomeOf(order);
}

/**
 * Returns whether the known order can answer the command: both must have the same user and the same goods. A request
 * that only asks for an outcome has no lines, and neither has a failed order that such a request left. They match any
 * lines.
 */
function isOutcomeFor({ userId, lines }: CreateOrder, known: Order): boolean {
  if (known.userId !== userId) return false;
  return known.lines.length === 0 || lines.length === 0 || haveSameGoods(known.lines, lines);
}

/**
 * Returns the order's id, or throws the stored refusal of a failed order. Every order that did not fail was reserved
 * when it was created, so a repeated request gets its id, as the first request did, whatever became of the order since.
 */
function outcomeOf(order: Order): bigint {
  if (order.refusal === null) return order.id;
  const { reason, message, values } = order.refusal;
  throw new AppError('failed-precondition', message, { reason, values });
}

function createOrder(draft: Draft, command: CreateOrder): Order {
  const { userId, requestId, lines, decideBeforeMs, paymentTimeoutMs } = command;
  const isLate = decideBeforeMs !== undefined && draft.moment.getTime() >= decideBeforeMs;
  if (lines.length === 0 && !isLate) throw unknownCheckout(requestId);
  const tooLarge = lines.find(({ count }) => count > MAX_LINE_COUNT);
  if (tooLarge !== undefined) throw lineTooLarge(tooLarge);

  const id = draft.drawOrderId();
  const refusal = isLate ? checkoutExpired(id) : shortageOf(draft, id, lines);
  const order: Order = {
    id,
    userId,
    status: 'new',
    cause: null,
    requestId,
    refusal,
    payBefore: new Date(draft.moment.getTime() + paymentTimeoutMs),
    version: 1,
    lines,
  };
  draft.create(order);
  if (refusal === null) draft.advance(order, 'awaiting payment');
  else draft.advance(order, 'failed', isLate ? 'checkout expired' : 'shortage');
  return order;
}

function shortageOf(draft: Draft, orderId: bigint, lines: readonly OrderLine[]): StoredRefusal | null {
  const shortages = [];
  for (const { sku, count } of lines) {
    const stock = draft.stock(sku);
    const units = stock === undefined ? 0n : available(stock);
    if (units < BigInt(count)) shortages.push({ sku, requested: count, available: Number(units) });
  }
  const [first] = shortages;
  if (first === undefined) return null;
  const others = shortages.length - 1;
  const more = others === 0 ? '' : `, and ${others} more ${others === 1 ? 'sku is' : 'skus are'} short`;
  return {
    reason: 'INSUFFICIENT_STOCK',
    message: `order ${orderId} failed: sku ${first.sku} has ${first.available} of ${first.requested} units${more}`,
    values: {
      orderId: String(orderId),
      shortages: JSON.stringify(shortages.slice(0, MAX_LISTED_SHORTAGES)),
      total: String(shortages.length),
    },
  };
}

function checkoutExpired(orderId: bigint): StoredRefusal {
  return {
    reason: 'CHECKOUT_EXPIRED',
    message: `order ${orderId} failed: the request came after its decide_before`,
    values: { orderId: String(orderId) },
  };
}

function unknownCheckout(checkoutId: string): AppError {
  return new AppError('not-found', `there is no order of checkout ${checkoutId}`, { reason: 'UNKNOWN_CHECKOUT' });
}

function lineTooLarge({ sku, count }: OrderLine): AppError {
  const message = `${count} units of sku ${sku} are too many: an order takes at most ${MAX_LINE_COUNT} of a sku`;
  return new AppError('failed-precondition', message, {
    reason: 'LINE_TOO_LARGE',
    values: { sku: String(sku), requested: String(count), limit: String(MAX_LINE_COUNT) },
  });
}

function checkoutIdTaken(checkoutId: string): AppError {
  const message = `checkout_id ${checkoutId} was used for another user or other lines`;
  return new AppError('already-exists', message, { reason: 'CHECKOUT_ID_TAKEN', values: { checkoutId } });
}
