import { describe, expect, test } from 'bun:test';

import { Code, RpcError } from '@tally/platform/grpc';

import { clientOf, createFakeLoms } from '../testing/fake-loms.ts';
import { MOMENT, USER, line, newId } from '../testing/fixtures.ts';
import { createGrpcOrders, toOutcome } from './orders-grpc.ts';

const codes = Object.values(Code).filter((code): code is Code => typeof code === 'number' && code !== Code.OK);
const failedOrder = { orderId: '12', shortages: '[]', total: '1' };
const failure = (code: Code, more: object = {}) => new RpcError({ code, message: 'no', ...more });
const decided = (code: Code, reason: string, values = {}) => failure(code, { domain: 'loms', reason, values });

describe('a failed OrderCreate', () => {
  for (const code of codes) {
    test(`${Code[code]} alone proves nothing`, () => {
      expect(toOutcome(failure(code)).kind).toBe('unknown');
      expect(toOutcome(decided(code, 'SOMETHING_ELSE', failedOrder)).kind).toBe('unknown');
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
      test(`${Code[code]} ${reason} from loms: ${kind}`, () => {
        expect(toOutcome(decided(code, reason, failedOrder)).kind).toBe(kind as never);
      });
      test(`${Code[code]} ${reason} from anybody else proves nothing`, () => {
        const values = failedOrder;
        expect(toOutcome(failure(code, { reason, values })).kind).toBe('unknown');
        expect(toOutcome(failure(code, { reason, values, domain: 'a proxy' })).kind).toBe('unknown');
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
    test(`${name} proves nothing`, () => expect(toOutcome(error)).toEqual({ kind: 'unknown', cause: error }));
  }

  test('an error that is no RpcError proves nothing', () => {
    expect(toOutcome(new TypeError('a bug')).kind).toBe('unknown');
    expect(toOutcome('text').kind).toBe('unknown');
  });

  test('a refusal keeps the failed order and all values of loms', () => {
    const error = decided(Code.FAILED_PRECONDITION, 'INSUFFICIENT_STOCK', failedOrder);
    expect(toOutcome(error)).toEqual({
      kind: 'refused',
      orderId: 12n,
      refusal: {
        kind: 'failed-precondition',
        reason: 'INSUFFICIENT_STOCK',
        domain: 'loms',
        message: 'no',
        values: failedOrder,
      },
    });
  });

  test('a full queue says when to retry, by default after a second', () => {
    const full = (retryAfterMs?: number) =>
      failure(Code.RESOURCE_EXHAUSTED, { domain: 'loms', reason: 'QUEUE_FULL', retryAfterMs });
    expect(toOutcome(full(250))).toEqual({ kind: 'busy', retryAfterMs: 250 });
    expect(toOutcome(full())).toEqual({ kind: 'busy', retryAfterMs: 1000 });
  });
});

describe('the client of loms', () => {
  const request = () => ({ id: newId(), userId: USER, lines: [line(1, 2)], decideBefore: MOMENT });

  test('sends the lines with the checkout id, and returns the order', async () => {
    const loms = createFakeLoms(() => MOMENT.getTime() - 1);
    loms.stock.set(1, 10);
    const asked = request();
    expect(await createGrpcOrders(clientOf(loms)).create(asked, {})).toEqual({ kind: 'ordered', orderId: 1n });
    expect(loms.requests[0]).toMatchObject({
      user: USER,
      items: [{ sku: 1, count: 2n, name: 'product 1', price: 100 }],
      checkoutId: asked.id,
      decideBefore: { seconds: BigInt(MOMENT.getTime() / 1000) },
    });
  });

  test('an answer that names no order proves nothing', async () => {
    const loms = createFakeLoms(() => 0);
    loms.onCreate = async () => ({ orderId: 0n });
    expect((await createGrpcOrders(clientOf(loms)).create(request(), {})).kind).toBe('unknown');
  });

  test('a sku that loms does not know has no stock, and any other failure is thrown', async () => {
    const loms = createFakeLoms(() => 0);
    loms.stock.set(1, 10);
    const orders = createGrpcOrders(clientOf(loms));
    expect(await orders.available(1, {})).toBe(10n);
    expect(await orders.available(2, {})).toBe(0n);
    loms.onStockInfo = async () => {
      throw failure(Code.UNAVAILABLE);
    };
    await expect(orders.available(1, {})).rejects.toThrow('no');
  });
});
