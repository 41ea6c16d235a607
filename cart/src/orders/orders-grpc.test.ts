import { describe, expect, test } from 'bun:test';

import { Code, RpcError } from '@tally/platform/grpc';

import { MOMENT, USER, clientOf, createFakeLoms, line, newId } from '../testing/fixtures.ts';
import { createOrders, toFailedOutcome } from './orders-grpc.ts';

const codes = Object.values(Code).filter((code): code is Code => typeof code === 'number' && code !== Code.OK);
const named = { orderId: '12', shortages: '[]', total: '1' };
const failure = (code: Code, more: object = {}) => new RpcError({ code, message: 'no', ...more });
const decided = (code: Code, reason: string, values = {}) => failure(code, { domain: 'loms', reason, values });

describe('an answer of OrderCreate', () => {
  for (const code of codes) {
    test(`${Code[code]} alone proves nothing`, () => {
      expect(toFailedOutcome(failure(code)).kind).toBe('unknown');
      expect(toFailedOutcome(decided(code, 'SOMETHING_ELSE', named)).kind).toBe('unknown');
    });
  }

  const REASONS = ['INSUFFICIENT_STOCK', 'CHECKOUT_EXPIRED', 'CHECKOUT_ID_TAKEN', 'QUEUE_FULL'];
  const ends: Record<string, string> = {
    [`${Code.FAILED_PRECONDITION} INSUFFICIENT_STOCK`]: 'refused',
    [`${Code.FAILED_PRECONDITION} CHECKOUT_EXPIRED`]: 'refused',
    [`${Code.ALREADY_EXISTS} CHECKOUT_ID_TAKEN`]: 'taken',
    [`${Code.RESOURCE_EXHAUSTED} QUEUE_FULL`]: 'busy',
  };
  for (const code of codes) {
    for (const reason of REASONS) {
      const kind = ends[`${code} ${reason}`] ?? 'unknown';
      test(`${Code[code]} ${reason} of loms: ${kind}`, () => {
        expect(toFailedOutcome(decided(code, reason, named)).kind).toBe(kind as never);
      });
      test(`${Code[code]} ${reason} of somebody else proves nothing`, () => {
        const values = named;
        expect(toFailedOutcome(failure(code, { reason, values })).kind).toBe('unknown');
        expect(toFailedOutcome(failure(code, { reason, values, domain: 'a proxy' })).kind).toBe('unknown');
      });
    }
  }

  const more: [string, RpcError][] = [
    ['INVALID_REQUEST', decided(Code.INVALID_ARGUMENT, 'INVALID_REQUEST')],
    ['LINE_TOO_LARGE', decided(Code.FAILED_PRECONDITION, 'LINE_TOO_LARGE', { sku: '1' })],
    ['UNKNOWN_CHECKOUT', decided(Code.NOT_FOUND, 'UNKNOWN_CHECKOUT')],
    ['NOT_DECIDED', decided(Code.UNAVAILABLE, 'NOT_DECIDED')],
    ['IDEMPOTENCY_KEY_REUSED', decided(Code.ALREADY_EXISTS, 'IDEMPOTENCY_KEY_REUSED')],
    ['a shortage that names no order', decided(Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', {})],
    ['a shortage that names order 0', decided(Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', { orderId: '0' })],
    ['a shortage that names nonsense', decided(Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', { orderId: 'x' })],
  ];
  for (const [name, error] of more) {
    test(`${name} proves nothing`, () => expect(toFailedOutcome(error)).toEqual({ kind: 'unknown', cause: error }));
  }

  test('what is no RpcError proves nothing', () => {
    expect(toFailedOutcome(new TypeError('a bug')).kind).toBe('unknown');
    expect(toFailedOutcome('text').kind).toBe('unknown');
  });

  test('a refusal keeps the failed order and all values', () => {
    const error = decided(Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', named);
    expect(toFailedOutcome(error)).toEqual({
      kind: 'refused',
      orderId: 12n,
      refusal: {
        kind: 'failed-precondition',
        reason: 'INSUFFICIENT_STOCK',
        domain: 'loms',
        message: 'no',
        values: named,
      },
    });
  });

  test('a full queue says when to come again', () => {
    const full = (retryAfterMs?: number) =>
      failure(Code.RESOURCE_EXHAUSTED, { domain: 'loms', reason: 'QUEUE_FULL', retryAfterMs });
    expect(toFailedOutcome(full(250))).toEqual({ kind: 'busy', retryAfterMs: 250 });
    expect(toFailedOutcome(full())).toEqual({ kind: 'busy', retryAfterMs: 1000 });
  });
});

describe('asking loms', () => {
  const request = () => ({ checkoutId: newId(), userId: USER, lines: [line(1, 2)], decideBefore: MOMENT });

  test('sends the lines under the checkout id, and takes the order', async () => {
    const loms = createFakeLoms(() => MOMENT.getTime() - 1);
    loms.stock.set(1, 10);
    const asked = request();
    expect(await createOrders(clientOf(loms)).create(asked, {})).toEqual({ kind: 'ordered', orderId: 1n });
    expect(loms.requests[0]).toMatchObject({
      user: USER,
      items: [{ sku: 1, count: 2n, name: 'product 1', price: 100 }],
      checkoutId: asked.checkoutId,
      decideBefore: { seconds: BigInt(MOMENT.getTime() / 1000) },
    });
  });

  test('an answer without an order proves nothing', async () => {
    const loms = createFakeLoms(() => 0);
    loms.onCreate = async () => ({ orderId: 0n });
    expect((await createOrders(clientOf(loms)).create(request(), {})).kind).toBe('unknown');
  });

  test('a sku that loms does not know has no stock; any other failure is one', async () => {
    const loms = createFakeLoms(() => 0);
    loms.stock.set(1, 10);
    const orders = createOrders(clientOf(loms));
    expect(await orders.available(1, {})).toBe(10n);
    expect(await orders.available(2, {})).toBe(0n);
    loms.onStockInfo = async () => {
      throw failure(Code.UNAVAILABLE);
    };
    await expect(orders.available(1, {})).rejects.toThrow('no');
  });
});
