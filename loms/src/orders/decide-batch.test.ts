import { describe, expect, test } from 'bun:test';

import { ORDER_STATUSES, type OrderStatus } from '@tally/proto/events';

import {
  MOMENT,
  cancel,
  create,
  expire,
  line,
  loaded,
  newRequestId,
  order,
  orderIdOf,
  pay,
  reasonOf,
} from '../testing/fixtures.ts';
import { type Answer, type Command, decideBatch, wantedBy } from './decide-batch.ts';
import type { Loaded } from './decision.ts';
import type { Order } from './order.ts';

const decide = (commands: readonly Command[], more: Partial<Loaded> = {}) => decideBatch(commands, loaded(more));

/** Returns an answer as a short text: `ok`, the order id of a create, or the reason of a refusal. */
function toText(answer: Answer): string | undefined {
  if (answer.kind === 'refused') return reasonOf(answer);
  return answer.outcome === undefined ? 'ok' : String(orderIdOf(answer));
}

const answersTo = (commands: readonly Command[], more: Partial<Loaded> = {}) =>
  decide(commands, more).answers.map(toText);

/** Returns the refusal of the only command of a batch. */
function refusalOf([answer, ...others]: readonly Answer[]) {
  if (answer?.kind !== 'refused' || others.length > 0) throw new Error('expected one refusal');
  return answer.refusal;
}

describe('every pair of status and command', () => {
  const past = new Date(MOMENT.getTime() - 1);
  const future = new Date(MOMENT.getTime() + 1);
  const orders = {
    new: order('new', { payBefore: future }),
    'awaiting payment': order('awaiting payment', { payBefore: future }),
    'awaiting payment past its deadline': order('awaiting payment', { payBefore: past }),
    failed: order('failed', { payBefore: past }),
    payed: order('payed', { payBefore: past }),
    cancelled: order('cancelled', { payBefore: past }),
    'cancelled by expiry': order('cancelled', { payBefore: past, cause: 'payment expired' }),
  } satisfies Record<string, Order>;
  const commands = { pay, cancel, expire } satisfies Record<Exclude<Command['kind'], 'create'>, unknown>;

  type Row = [keyof typeof orders, keyof typeof commands, answer: string, next: OrderStatus | null];
  const table: Row[] = [
    ['new', 'pay', 'WRONG_STATUS', null],
    ['new', 'cancel', 'WRONG_STATUS', null],
    ['new', 'expire', 'ok', null],
    ['awaiting payment', 'pay', 'ok', 'payed'],
    ['awaiting payment', 'cancel', 'ok', 'cancelled'],
    ['awaiting payment', 'expire', 'ok', null],
    ['awaiting payment past its deadline', 'pay', 'PAYMENT_EXPIRED', 'cancelled'],
    ['awaiting payment past its deadline', 'cancel', 'ok', 'cancelled'],
    ['awaiting payment past its deadline', 'expire', 'ok', 'cancelled'],
    ['failed', 'pay', 'WRONG_STATUS', null],
    ['failed', 'cancel', 'WRONG_STATUS', null],
    ['failed', 'expire', 'ok', null],
    ['payed', 'pay', 'ok', null],
    ['payed', 'cancel', 'WRONG_STATUS', null],
    ['payed', 'expire', 'ok', null],
    ['cancelled', 'pay', 'WRONG_STATUS', null],
    ['cancelled', 'cancel', 'ok', null],
    ['cancelled', 'expire', 'ok', null],
    ['cancelled by expiry', 'pay', 'PAYMENT_EXPIRED', null],
    ['cancelled by expiry', 'cancel', 'ok', null],
    ['cancelled by expiry', 'expire', 'ok', null],
  ];

  for (const [status, command, answer, next] of table) {
    test(`${command} of an order that is ${status}: ${answer}, then ${next ?? 'unchanged'}`, () => {
      const { answers, changes } = decide([commands[command](1n)], { orders: [orders[status]] });
      expect(answers.map(toText)).toEqual([answer]);
      expect(changes.changed.map((changed) => changed.status)).toEqual(next === null ? [] : [next]);
      expect(changes.events.map(({ version }) => version)).toEqual(next === null ? [] : [orders[status].version + 1]);
      expect(changes.movements.length).toBe(next === null ? 0 : 1);
    });
  }

  test('no status is missing in the table', () => {
    const statuses = new Set(Object.values(orders).map(({ status }) => status));
    expect([...statuses].toSorted()).toEqual(ORDER_STATUSES.toSorted());
    expect(table).toHaveLength(Object.keys(orders).length * Object.keys(commands).length);
  });

  test('at the deadline itself it is too late to pay', () => {
    const due = order('awaiting payment', { payBefore: MOMENT });
    expect(answersTo([pay(1n)], { orders: [due] })).toEqual(['PAYMENT_EXPIRED']);
  });

  test('an unknown order can be neither paid nor cancelled, and its expiry does nothing', () => {
    expect(answersTo([pay(9n), cancel(9n), expire(9n)])).toEqual(['UNKNOWN_ORDER', 'UNKNOWN_ORDER', 'ok']);
  });

  test('an order that was loaded without a lock cannot be changed', () => {
    expect(answersTo([pay(1n)], { known: [order('awaiting payment')] })).toEqual(['UNKNOWN_ORDER']);
  });
});

describe('stock movements', () => {
  const orders = [order('awaiting payment')];

  test('a payment takes the goods out of the total and out of the reservation', () => {
    const { movements } = decide([pay(1n)], { orders }).changes;
    expect(movements).toEqual([{ sku: 1, orderId: 1n, kind: 'ship', total: -2n, reserved: -2n }]);
  });

  test('a cancellation releases the reservation', () => {
    const { movements } = decide([cancel(1n)], { orders }).changes;
    expect(movements).toEqual([{ sku: 1, orderId: 1n, kind: 'release', total: 0n, reserved: -2n }]);
  });

  test('released goods can be ordered by the next command of the same batch', () => {
    const stocks = new Map([[1, { total: 2n, held: 0n, reserved: 2n }]]);
    const commands = [create([line(1, 1)]), cancel(1n), create([line(1, 2)])];
    expect(answersTo(commands, { orders, stocks })).toEqual(['INSUFFICIENT_STOCK', 'ok', '102']);
  });

  test('the first one wins when a payment and a cancellation share a batch', () => {
    expect(answersTo([pay(1n), cancel(1n)], { orders })).toEqual(['ok', 'WRONG_STATUS']);
    expect(answersTo([cancel(1n), pay(1n)], { orders })).toEqual(['ok', 'WRONG_STATUS']);
  });

  test('a movement that would make a counter impossible fails the whole batch', () => {
    const stocks = new Map([[1, { total: 10n, held: 0n, reserved: 1n }]]);
    expect(() => decide([pay(1n)], { orders, stocks })).toThrow(
      "order 1: 'ship' of sku 1 would make its counters impossible: total 8, reserved -1",
    );
  });
});

describe('a create', () => {
  test('reserves every line, and records the events new and awaiting payment', () => {
    const { answers, changes } = decide([create([line(1, 8), line(2, 4)])]);
    expect(answers.map(toText)).toEqual(['101']);
    expect(changes.created.map(({ status, version }) => [status, version])).toEqual([['awaiting payment', 2]]);
    expect(changes.events.map(({ status, version }) => [status, version])).toEqual([
      ['new', 1],
      ['awaiting payment', 2],
    ]);
    expect(changes.movements.map(({ sku, reserved }) => [sku, reserved])).toEqual([
      [1, 8n],
      [2, 4n],
    ]);
  });

  test('reserves nothing when one line is short, and keeps the order as failed with the list of shortages', () => {
    const { answers, changes } = decide([create([line(1, 1), line(2, 5), line(3, 1)])]);
    const { reason, message, values } = refusalOf(answers);
    expect(reason).toBe('INSUFFICIENT_STOCK');
    expect(message).toBe('order 101 failed: sku 2 has 4 of 5 units, and 1 more sku is short');
    expect(values).toEqual({
      orderId: '101',
      shortages: '[{"sku":2,"requested":5,"available":4},{"sku":3,"requested":1,"available":0}]',
      total: '2',
    });
    expect(changes.created.map(({ status, cause }) => [status, cause])).toEqual([['failed', 'shortage']]);
    expect(changes.events.map(({ status }) => status)).toEqual(['new', 'failed']);
    expect(changes.movements).toEqual([]);
  });

  test('lists at most 20 shortages, and counts all of them', () => {
    const lines = Array.from({ length: 1000 }, (_, i) => line(1000 + i, 1));
    const { message, values } = refusalOf(decide([create(lines)]).answers);
    expect(JSON.parse(values['shortages'] ?? '')).toHaveLength(20);
    expect(values['total']).toBe('1000');
    expect(message).toEndWith(', and 999 more skus are short');
  });

  test('reserves from what the earlier commands of the batch left', () => {
    const fourUnits = () => create([line(1, 4)]);
    expect(answersTo([fourUnits(), fourUnits(), fourUnits()])).toEqual(['101', '102', 'INSUFFICIENT_STOCK']);
  });

  test('refuses a line of more than 65535 units, and keeps no order', () => {
    const { answers, changes } = decide([create([line(1, 65_536)])]);
    expect(answers.map(toText)).toEqual(['LINE_TOO_LARGE']);
    expect(changes.created).toEqual([]);
  });

  test('sets the deadline of the payment', () => {
    const { created } = decide([create([line(1, 1)], { paymentTimeoutMs: 1500 })]).changes;
    expect(created.map(({ payBefore }) => payBefore.getTime() - MOMENT.getTime())).toEqual([1500]);
  });

  test('gives both of its events the trace of its call', () => {
    const traced = create([line(1, 1)], { traceparent: '00-a-b-01' });
    const { events } = decide([traced, create([line(1, 1)])]).changes;
    expect(events.map(({ traceparent }) => traceparent)).toEqual(['00-a-b-01', '00-a-b-01', undefined, undefined]);
  });
});

describe('a request whose checkout id was used before', () => {
  const requestId = newRequestId();
  const known = (status: OrderStatus) => ({ known: [order(status, { requestId })] });
  const again = (more = {}) => create([line(1, 2)], { requestId, ...more });

  for (const status of ['awaiting payment', 'payed', 'cancelled'] as const) {
    test(`is answered with the order's id while the order is ${status}`, () => {
      const { answers, changes } = decide([again()], known(status));
      expect(answers.map(toText)).toEqual(['1']);
      expect(changes.created).toEqual([]);
    });
  }

  test('is answered with the stored refusal when the order failed', () => {
    expect(refusalOf(decide([again()], known('failed')).answers).message).toBe('order 1 failed');
  });

  test('is answered with the outcome even when its decide_before has passed', () => {
    expect(answersTo([again({ decideBeforeMs: 1 })], known('payed'))).toEqual(['1']);
  });

  test('is refused when it comes from another user or has other lines', () => {
    expect(answersTo([again({ userId: 8n })], known('payed'))).toEqual(['CHECKOUT_ID_TAKEN']);
    expect(answersTo([again({ lines: [line(1, 3)] })], known('payed'))).toEqual(['CHECKOUT_ID_TAKEN']);
    expect(answersTo([again({ lines: [line(1, 2), line(2, 1)] })], known('payed'))).toEqual(['CHECKOUT_ID_TAKEN']);
  });

  test('makes one order when both requests are in one batch', () => {
    const { answers, changes } = decide([again(), again()]);
    expect(answers.map(toText)).toEqual(['101', '101']);
    expect(changes.created).toHaveLength(1);
  });

  test('gets the refusal of the earlier request in the same batch, with the same failed order', () => {
    const short = () => create([line(1, 99)], { requestId });
    const { answers, changes } = decide([short(), short()]);
    expect(answers.map((answer) => refusalOf([answer]).values['orderId'])).toEqual(['101', '101']);
    expect(changes.created).toHaveLength(1);
  });
});

describe('decide_before', () => {
  const requestId = newRequestId();
  const decideBeforeMs = MOMENT.getTime();

  test('keeps the order as failed, with its lines, from that moment on', () => {
    const { answers, changes } = decide([create([line(1, 1)], { requestId, decideBeforeMs })]);
    expect(answers.map(toText)).toEqual(['CHECKOUT_EXPIRED']);
    expect(changes.created.map(({ cause, lines }) => [cause, lines.length])).toEqual([['checkout expired', 1]]);
  });

  test('a request without lines is answered with the known outcome', () => {
    const known = [order('payed', { requestId })];
    expect(answersTo([create([], { requestId, decideBeforeMs })], { known })).toEqual(['1']);
  });

  test('a request without lines before that moment finds no order and keeps none', () => {
    const { answers, changes } = decide([create([], { requestId, decideBeforeMs: decideBeforeMs + 1 })]);
    expect(answers.map(toText)).toEqual(['UNKNOWN_CHECKOUT']);
    expect(changes.created).toEqual([]);
  });

  test('a request without lines from that moment on keeps a failed order, which answers later requests too', () => {
    const question = create([], { requestId, decideBeforeMs });
    const original = create([line(1, 1)], { requestId, decideBeforeMs });
    const stranger = create([line(1, 1)], { requestId, userId: 8n });
    const { answers, changes } = decide([question, original, stranger]);
    expect(answers.map(toText)).toEqual(['CHECKOUT_EXPIRED', 'CHECKOUT_EXPIRED', 'CHECKOUT_ID_TAKEN']);
    expect(changes.created.map(({ status, lines }) => [status, lines.length])).toEqual([['failed', 0]]);
    expect(changes.events.map(({ status }) => status)).toEqual(['new', 'failed']);
  });
});

describe('an idempotency key', () => {
  const key = (hash = 'a') => ({ text: 'key-1', requestHash: Buffer.from(hash) });

  test('is stored with its order, and answers a second request in the same batch', () => {
    const { answers, changes } = decide([create([line(1, 1)], { key: key() }), create([line(1, 1)], { key: key() })]);
    expect(answers.map(toText)).toEqual(['101', '101']);
    expect(changes.keys.map(({ orderId }) => orderId)).toEqual([101n]);
  });

  test('is refused with another request, and the rest of the batch is decided', () => {
    const commands = [
      create([line(1, 1)], { key: key() }),
      create([line(1, 2)], { key: key('b') }),
      create([line(1, 1)]),
    ];
    expect(answersTo(commands)).toEqual(['101', 'IDEMPOTENCY_KEY_REUSED', '102']);
  });

  test('belongs to its user', () => {
    const commands = [create([line(1, 1)], { key: key() }), create([line(1, 1)], { key: key('b'), userId: 8n })];
    expect(answersTo(commands)).toEqual(['101', '102']);
  });

  test('is stored with the refusal of a shortage', () => {
    const { answers, changes } = decide([create([line(1, 99)], { key: key() }), create([line(1, 99)], { key: key() })]);
    expect(answers.map(toText)).toEqual(['INSUFFICIENT_STOCK', 'INSUFFICIENT_STOCK']);
    expect(changes.created).toHaveLength(1);
  });

  test('is not used up by a request that changed nothing', () => {
    const { changes } = decide([create([line(1, 65_536)], { key: key() })]);
    expect(changes.keys).toEqual([]);
  });

  test('is stored for a request that is answered through its checkout id', () => {
    const requestId = newRequestId();
    const known = [order('payed', { requestId })];
    const { changes } = decide([create([line(1, 2)], { requestId, key: key() })], { known });
    expect(changes.keys.map(({ orderId }) => orderId)).toEqual([1n]);
  });

  test('that expired between the look-up of keys and the look-up of orders counts as new', () => {
    const keys = [{ userId: 7n, key: 'key-1', requestHash: Buffer.from('a'), orderId: 55n }];
    expect(answersTo([create([line(1, 1)], { key: key('b') })], { keys })).toEqual(['101']);
  });
});

describe('what a batch wants loaded', () => {
  const withCheckoutId = create([line(1, 1), line(2, 1)], { requestId: newRequestId() });
  const withKey = create([line(2, 1)], { key: { text: 'k', requestHash: Buffer.alloc(0) } });
  const commands = [withCheckoutId, withKey, pay(5n), cancel(5n)];

  test('is what its commands need, each once', () => {
    expect(wantedBy(commands)).toEqual({
      orderIds: [5n],
      skus: [1, 2],
      requestIds: [withCheckoutId.requestId],
      keys: [{ userId: 7n, key: 'k' }],
      newOrders: 2,
    });
  });

  test('includes the request ids that loms drew itself when the batch is retried', () => {
    expect(wantedBy(commands, new Set(commands)).requestIds).toEqual([withCheckoutId.requestId, withKey.requestId]);
  });
});
