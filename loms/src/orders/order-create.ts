import { AppError, keyReused } from '@tally/platform/errors';

import type { CreateOrder } from './command.ts';
import type { Draft } from './draft.ts';
import { MAX_LINE_COUNT, type Order, type OrderLine, type Refusal, asksForTheSame } from './order.ts';
import { available } from './stock.ts';

/** Lists in refusals are cut here; the total tells how many there were. */
const MAX_LISTED_SHORTAGES = 20;

export interface CreateRules {
  readonly paymentTimeoutMs: number;
}

/**
 * Reserves every line or none, and keeps the order either way. A key or a request that is known takes its order's outcome.
 *
 * Returns the order's id; throws the refusal.
 */
export function decideCreate(draft: Draft, command: CreateOrder, rules: CreateRules): bigint {
  const { userId, requestId, key } = command;
  const keyed = key && draft.orderByKey(userId, key.text);
  if (keyed !== undefined) {
    if (!keyed.stored.requestHash.equals(key?.requestHash ?? Buffer.alloc(0))) throw keyReused(key?.text ?? '');
    return outcomeOf(keyed.order);
  }
  const known = draft.orderByRequest(requestId);
  if (known !== undefined && !isAnsweredBy(known, command)) throw requestTaken(requestId);
  const order = known ?? keepOrder(draft, command, rules);
  if (key !== undefined) {
    draft.keepKey({ userId, key: key.text, requestHash: key.requestHash, orderId: order.id });
  }
  return outcomeOf(order);
}

/** A question and a bare failed order have no lines: they fit whatever else the same user asked under that id. */
function isAnsweredBy(known: Order, { userId, lines }: CreateOrder): boolean {
  if (known.userId !== userId) return false;
  const isBare = known.lines.length === 0 || lines.length === 0;
  return isBare || asksForTheSame(known.lines, lines);
}

/** Any later status than `failed` began with a reservation: the answer stays the id. */
function outcomeOf(order: Order): bigint {
  if (order.refusal === null) return order.id;
  const { reason, message, values } = order.refusal;
  throw new AppError('failed-precondition', message, { reason, values });
}

function keepOrder(draft: Draft, command: CreateOrder, rules: CreateRules): Order {
  const { userId, requestId, lines, decideBeforeMs, traceparent } = command;
  const isLate = decideBeforeMs !== undefined && draft.moment.getTime() >= decideBeforeMs;
  if (lines.length === 0 && !isLate) {
    throw new AppError('not-found', `no order of checkout ${requestId} is known`, { reason: 'UNKNOWN_CHECKOUT' });
  }
  const tooLarge = lines.find(({ count }) => count > MAX_LINE_COUNT);
  if (tooLarge !== undefined) throw lineTooLarge(tooLarge);

  const id = draft.drawOrderId();
  const refusal = isLate ? expired(id) : shortageOf(draft, id, lines);
  const order: Order = {
    id,
    userId,
    status: 'new',
    cause: null,
    requestId,
    refusal,
    payBefore: new Date(draft.moment.getTime() + rules.paymentTimeoutMs),
    version: 1,
    lines,
  };
  draft.create(order, traceparent);
  if (refusal === null) draft.advance(order, 'awaiting payment', { moves: 'reserve', traceparent });
  else draft.advance(order, 'failed', { cause: isLate ? 'checkout expired' : 'shortage', traceparent });
  return order;
}

function shortageOf(draft: Draft, orderId: bigint, lines: readonly OrderLine[]): Refusal | null {
  const shortages = [];
  for (const { sku, count } of lines) {
    const stock = draft.stock(sku);
    const left = stock === undefined ? 0n : available(stock);
    if (left < BigInt(count)) shortages.push({ sku, requested: count, available: Number(left) });
  }
  const [first] = shortages;
  if (first === undefined) return null;
  const more = shortages.length > 1 ? `, and ${shortages.length - 1} more skus are short` : '';
  return {
    reason: 'INSUFFICIENT_STOCK',
    message: `order ${orderId} failed: sku ${first.sku} has ${first.available} of ${first.requested}${more}`,
    values: {
      orderId: String(orderId),
      shortages: JSON.stringify(shortages.slice(0, MAX_LISTED_SHORTAGES)),
      total: String(shortages.length),
    },
  };
}

function expired(orderId: bigint): Refusal {
  return {
    reason: 'CHECKOUT_EXPIRED',
    message: `order ${orderId} failed: it came past its decide_before`,
    values: { orderId: String(orderId) },
  };
}

function lineTooLarge({ sku, count }: OrderLine): AppError {
  return new AppError('failed-precondition', `sku ${sku}: ${count} units; an order takes ${MAX_LINE_COUNT} at most`, {
    reason: 'LINE_TOO_LARGE',
    values: { sku: String(sku), requested: String(count), limit: String(MAX_LINE_COUNT) },
  });
}

function requestTaken(checkoutId: string): AppError {
  return new AppError('already-exists', 'this checkout_id was used for another user or other lines', {
    reason: 'CHECKOUT_ID_TAKEN',
    values: { checkoutId },
  });
}
