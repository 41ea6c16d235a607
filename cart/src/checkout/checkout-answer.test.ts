import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';

import { checkoutIn } from '../testing/fixtures.ts';
import { emptyCart, orderIdOrRefusal, pending } from './checkout-answer.ts';

function refusalOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('expected a refusal');
}

describe('the caller of Checkout is told', () => {
  test('the order, when the checkout is done', () => expect(orderIdOrRefusal(checkoutIn('done'))).toBe(5n));

  test('the refusal of loms, when the checkout is refused', () => {
    const { kind, reason, domain, values, retryAfterMs } = refusalOf(() => orderIdOrRefusal(checkoutIn('refused')));
    expect({ kind, reason, domain, values, retryAfterMs }).toEqual({
      kind: 'failed-precondition',
      reason: 'INSUFFICIENT_STOCK',
      domain: 'loms',
      values: { orderId: '5' },
      retryAfterMs: undefined,
    });
  });

  test('to retry after a second, when the refusal is UNAVAILABLE', () => {
    const { refusal } = checkoutIn('refused');
    const unavailable = { ...refusal, kind: 'unavailable', reason: 'CHECKOUT_CONFLICT' } as NonNullable<typeof refusal>;
    const error = refusalOf(() => orderIdOrRefusal(checkoutIn('refused', { orderId: null, refusal: unavailable })));
    expect([error.kind, error.reason, error.retryAfterMs]).toEqual(['unavailable', 'CHECKOUT_CONFLICT', 1000]);
  });

  test('that the checkout is pending, and to retry with the same key, while it is undecided', () => {
    const busy = pending({ kind: 'busy', retryAfterMs: 700 });
    const unknown = pending({ kind: 'unknown', cause: new Error('lost') });
    expect([busy.kind, busy.reason, busy.retryAfterMs]).toEqual(['resource-exhausted', 'CHECKOUT_PENDING', 700]);
    expect([unknown.kind, unknown.reason, unknown.retryAfterMs]).toEqual(['unavailable', 'CHECKOUT_PENDING', 1000]);
    expect(unknown.message).toContain('same idempotency key');
  });

  test('the last order of an empty cart, while that is recent', () => {
    expect(emptyCart(5n)).toMatchObject({ reason: 'EMPTY_CART', values: { lastOrderId: '5' } });
    expect(emptyCart(undefined)).toMatchObject({ reason: 'EMPTY_CART', values: {} });
  });
});

test('orderIdOrRefusal throws for a checkout that is still open', () => {
  expect(() => orderIdOrRefusal(checkoutIn('open'))).toThrow('has no order');
});
