import { describe, expect, test } from 'bun:test';

import { type Answer, decideBatch, wantedBy } from './decide-batch.ts';
import type { Command } from './command.ts';
import { MOMENT, cancel, create, expire, line, loaded, order, pay, requestId } from './fixtures.ts';
import type { Order, OrderStatus } from './order.ts';
import type { Loaded } from '../store/store.ts';

const rules = { paymentTimeoutMs: 600_000, isAlive: () => true };

function decide(commands: readonly Command[], more: Partial<Loaded> = {}) {
  return decideBatch(commands, loaded(more), rules);
}

/** `ok`, the id, or the reason of the refusal. */
function brief(answer: Answer | undefined): string {
  if (answer?.kind === 'done') return answer.orderId === undefined ? 'ok' : String(answer.orderId);
  return answer?.kind === 'refused' ? (answer.refusal.reason ?? '') : 'dropped';
}

const briefs = (commands: readonly Command[], more: Partial<Loaded> = {}) => decide(commands, more).answers.map(brief);

describe('every pair of status and command', () => {
  const due = new Date(MOMENT.getTime() - 1);
  const later = new Date(MOMENT.getTime() + 1);
  type Row = [OrderStatus | 'cancelled by expiry' | 'due', 'pay' | 'cancel' | 'expire', string, OrderStatus | null];
  const table: Row[] = [
    ['new', 'pay', 'WRONG_STATUS', null],
    ['new', 'cancel', 'WRONG_STATUS', null],
    ['new', 'expire', 'ok', null],
    ['awaiting payment', 'pay', 'ok', 'payed'],
    ['awaiting payment', 'cancel', 'ok', 'cancelled'],
    ['awaiting payment', 'expire', 'ok', null],
    ['due', 'pay', 'PAYMENT_EXPIRED', 'cancelled'],
    ['due', 'cancel', 'ok', 'cancelled'],
    ['due', 'expire', 'ok', 'cancelled'],
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
  const orders: Record<Row[0], Order> = {
    new: order('new', { payBefore: later }),
    'awaiting payment': order('awaiting payment', { payBefore: later }),
    due: order('awaiting payment', { payBefore: due }),
    failed: order('failed', { payBefore: due }),
    payed: order('payed', { payBefore: due }),
    cancelled: order('cancelled', { payBefore: due }),
    'cancelled by expiry': order('cancelled', { payBefore: due, cause: 'payment expired' }),
  };
  const commands = { pay, cancel, expire };

  for (const [status, command, answer, next] of table) {
    test(`${command} of an order that is ${status}: ${answer}, then ${next ?? 'unchanged'}`, () => {
      const { answers, changes } = decide([commands[command](1n)], { orders: [orders[status]] });
      expect(answers.map(brief)).toEqual([answer]);
      expect(changes.changed.map((changed) => changed.status)).toEqual(next === null ? [] : [next]);
      expect(changes.events.map(({ version }) => version)).toEqual(next === null ? [] : [3]);
      expect(changes.movements.length).toBe(next === null ? 0 : 1);
    });
  }

  test('the deadline itself is too late to pay', () => {
    const atDeadline = order('awaiting payment', { payBefore: MOMENT });
    expect(briefs([pay(1n)], { orders: [atDeadline] })).toEqual(['PAYMENT_EXPIRED']);
  });

  test('an unknown order is not found, and an expiry of it does nothing', () => {
    expect(briefs([pay(9n), cancel(9n), expire(9n)])).toEqual(['UNKNOWN_ORDER', 'UNKNOWN_ORDER', 'ok']);
  });

  test('an order that is only known, not locked, cannot be changed', () => {
    expect(briefs([pay(1n)], { known: [order('awaiting payment')] })).toEqual(['UNKNOWN_ORDER']);
  });
});

describe('what a step does to the stock', () => {
  const awaiting = order('awaiting payment');

  test('a pay takes the goods out of the total and the reservation', () => {
    const { movements } = decide([pay(1n)], { orders: [awaiting] }).changes;
    expect(movements).toEqual([{ sku: 1, orderId: 1n, kind: 'ship', total: -2n, reserved: -2n }]);
  });

  test('a cancel gives the reservation back', () => {
    const { movements } = decide([cancel(1n)], { orders: [awaiting] }).changes;
    expect(movements).toEqual([{ sku: 1, orderId: 1n, kind: 'release', total: 0n, reserved: -2n }]);
  });

  test('a release can be ordered again by the next command of the batch', () => {
    const full = new Map([[1, { total: 2n, held: 0n, reserved: 2n }]]);
    const order2 = create([line(1, 2)]);
    expect(briefs([create([line(1, 1)]), cancel(1n), order2], { orders: [awaiting], stocks: full })).toEqual([
      'INSUFFICIENT_STOCK',
      'ok',
      '102',
    ]);
  });

  test('pay and cancel in one batch: the first one wins', () => {
    expect(briefs([pay(1n), cancel(1n)], { orders: [awaiting] })).toEqual(['ok', 'WRONG_STATUS']);
    expect(briefs([cancel(1n), pay(1n)], { orders: [awaiting] })).toEqual(['ok', 'WRONG_STATUS']);
  });

  test('counters that cannot be right are a bug, and fail the batch', () => {
    const broken = new Map([[1, { total: 10n, held: 0n, reserved: 1n }]]);
    expect(() => decide([pay(1n)], { orders: [awaiting], stocks: broken })).toThrow('would break its counters');
  });
});

describe('a create', () => {
  test('reserves every line, with the events new and awaiting payment', () => {
    const { answers, changes } = decide([create([line(1, 8), line(2, 4)])]);
    expect(answers.map(brief)).toEqual(['101']);
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

  test('reserves none when one line is short, keeps the order as failed and names what is missing', () => {
    const { answers, changes } = decide([create([line(1, 1), line(2, 5), line(3, 1)])]);
    const [answer] = answers;
    expect(brief(answer)).toBe('INSUFFICIENT_STOCK');
    expect(answer?.kind === 'refused' && answer.refusal.values).toEqual({
      orderId: '101',
      shortages: '[{"sku":2,"requested":5,"available":4},{"sku":3,"requested":1,"available":0}]',
      total: '2',
    });
    expect(changes.created.map(({ status, cause }) => [status, cause])).toEqual([['failed', 'shortage']]);
    expect(changes.events.map(({ status }) => status)).toEqual(['new', 'failed']);
    expect(changes.movements).toEqual([]);
  });

  test('cuts a long list of shortages at 20 and tells the total', () => {
    const lines = Array.from({ length: 1000 }, (_, i) => line(1000 + i, 1));
    const [answer] = decide([create(lines)]).answers;
    if (answer?.kind !== 'refused') throw new Error('expected a refusal');
    expect(JSON.parse(answer.refusal.values['shortages'] ?? '')).toHaveLength(20);
    expect(answer.refusal.values['total']).toBe('1000');
    expect(answer.refusal.message).toContain('and 999 more');
  });

  test('takes what the ones before it in the batch left', () => {
    const five = () => create([line(1, 4)]);
    expect(briefs([five(), five(), five()])).toEqual(['101', '102', 'INSUFFICIENT_STOCK']);
  });

  test('refuses a summed line above 65535 and keeps no order', () => {
    const { answers, changes } = decide([create([line(1, 65_536)])]);
    expect(answers.map(brief)).toEqual(['LINE_TOO_LARGE']);
    expect(changes.created).toEqual([]);
  });

  test('keeps the traceparent with both events', () => {
    const { events } = decide([create([line(1, 1)], { traceparent: '00-a-b-01' })]).changes;
    expect(events.map(({ traceparent }) => traceparent)).toEqual(['00-a-b-01', '00-a-b-01']);
  });
});

describe('a known request', () => {
  const id = requestId();
  const known = (status: OrderStatus, more: Partial<Order> = {}) => ({
    known: [order(status, { requestId: id, ...more })],
  });
  const again = (more = {}) => create([line(1, 2)], { requestId: id, ...more });

  for (const status of ['awaiting payment', 'payed', 'cancelled'] as const) {
    test(`is answered with its id while the order is ${status}`, () => {
      const { answers, changes } = decide([again()], known(status));
      expect(answers.map(brief)).toEqual(['1']);
      expect(changes.created).toEqual([]);
    });
  }

  test('is answered with its refusal, word for word', () => {
    const [answer] = decide([again()], known('failed')).answers;
    expect(answer?.kind === 'refused' && answer.refusal.message).toBe('order 1 failed');
  });

  test('is answered whatever its decide_before says now', () => {
    expect(briefs([again({ decideBeforeMs: 1 })], known('payed'))).toEqual(['1']);
  });

  test('of another user, or with other lines, is refused', () => {
    expect(briefs([again({ userId: 8n })], known('payed'))).toEqual(['CHECKOUT_ID_TAKEN']);
    expect(briefs([again({ lines: [line(1, 3)] })], known('payed'))).toEqual(['CHECKOUT_ID_TAKEN']);
    expect(briefs([again({ lines: [line(1, 2), line(2, 1)] })], known('payed'))).toEqual(['CHECKOUT_ID_TAKEN']);
  });

  test('twice in one batch is one order', () => {
    const { answers, changes } = decide([again(), again()]);
    expect(answers.map(brief)).toEqual(['101', '101']);
    expect(changes.created).toHaveLength(1);
  });

  test('that failed in this batch refuses its twin with the same order', () => {
    const twin = () => create([line(1, 99)], { requestId: id });
    const { answers, changes } = decide([twin(), twin()]);
    const ids = answers.map((answer) => answer.kind === 'refused' && answer.refusal.values['orderId']);
    expect(ids).toEqual(['101', '101']);
    expect(changes.created).toHaveLength(1);
  });
});

describe('decide_before', () => {
  const id = requestId();
  const passed = MOMENT.getTime();
  const ahead = MOMENT.getTime() + 1;

  test('at or past it the order is kept as failed, with its lines', () => {
    const { answers, changes } = decide([create([line(1, 1)], { requestId: id, decideBeforeMs: passed })]);
    expect(answers.map(brief)).toEqual(['CHECKOUT_EXPIRED']);
    expect(changes.created.map(({ cause, lines }) => [cause, lines.length])).toEqual([['checkout expired', 1]]);
  });

  test('a question finds the known outcome', () => {
    const known = [order('payed', { requestId: id })];
    expect(briefs([create([], { requestId: id, decideBeforeMs: passed })], { known })).toEqual(['1']);
  });

  test('a question before it finds nothing and keeps nothing', () => {
    const { answers, changes } = decide([create([], { requestId: id, decideBeforeMs: ahead })]);
    expect(answers.map(brief)).toEqual(['UNKNOWN_CHECKOUT']);
    expect(changes.created).toEqual([]);
  });

  test('a question at it keeps a bare failed order, which a late original finds', () => {
    const question = create([], { requestId: id, decideBeforeMs: passed });
    const late = create([line(1, 1)], { requestId: id, decideBeforeMs: passed });
    const stranger = create([line(1, 1)], { requestId: id, userId: 8n });
    const { answers, changes } = decide([question, late, stranger]);
    expect(answers.map(brief)).toEqual(['CHECKOUT_EXPIRED', 'CHECKOUT_EXPIRED', 'CHECKOUT_ID_TAKEN']);
    expect(changes.created.map(({ status, lines }) => [status, lines.length])).toEqual([['failed', 0]]);
    expect(changes.events.map(({ status }) => status)).toEqual(['new', 'failed']);
  });
});

describe('an idempotency key', () => {
  const key = (hash = 'a') => ({ text: 'press-1', requestHash: Buffer.from(hash) });

  test('is kept with its order, and answers its twin in the same batch', () => {
    const { answers, changes } = decide([create([line(1, 1)], { key: key() }), create([line(1, 1)], { key: key() })]);
    expect(answers.map(brief)).toEqual(['101', '101']);
    expect(changes.keys.map(({ orderId }) => orderId)).toEqual([101n]);
  });

  test('with another request is refused and disturbs nobody', () => {
    const commands = [
      create([line(1, 1)], { key: key() }),
      create([line(1, 2)], { key: key('b') }),
      create([line(1, 1)]),
    ];
    expect(briefs(commands)).toEqual(['101', 'IDEMPOTENCY_KEY_REUSED', '102']);
  });

  test('belongs to its user', () => {
    const commands = [create([line(1, 1)], { key: key() }), create([line(1, 1)], { key: key('b'), userId: 8n })];
    expect(briefs(commands)).toEqual(['101', '102']);
  });

  test('keeps the refusal of a shortage', () => {
    const commands = [create([line(1, 99)], { key: key() }), create([line(1, 99)], { key: key() })];
    const { answers, changes } = decide(commands);
    expect(answers.map(brief)).toEqual(['INSUFFICIENT_STOCK', 'INSUFFICIENT_STOCK']);
    expect(changes.created).toHaveLength(1);
  });

  test('is not burnt by a failure that changed nothing', () => {
    const { changes } = decide([create([line(1, 65_536)], { key: key() })]);
    expect(changes.keys).toEqual([]);
  });

  test('is written for a request that is answered by its request id', () => {
    const id = requestId();
    const known = [order('payed', { requestId: id })];
    const { changes } = decide([create([line(1, 2)], { requestId: id, key: key() })], { known });
    expect(changes.keys.map(({ orderId }) => orderId)).toEqual([1n]);
  });
});

test('a command that nobody waits for any more is dropped, and leaves no trace', () => {
  const late = create([line(1, 1)]);
  const { answers, changes } = decideBatch([late], loaded(), { ...rules, isAlive: () => false });
  expect(answers.map(brief)).toEqual(['dropped']);
  expect(changes.created).toEqual([]);
});

test('a batch asks for what its commands need, each once', () => {
  const named = create([line(1, 1), line(2, 1)], { requestId: requestId() });
  const unnamed = create([line(2, 1)], { key: { text: 'k', requestHash: Buffer.alloc(0) } });
  const commands = [named, unnamed, pay(5n), cancel(5n)];
  expect(wantedBy(commands, () => false)).toEqual({
    orderIds: [5n],
    skus: [1, 2],
    requestIds: [named.requestId],
    keys: [{ userId: 7n, key: 'k' }],
    newOrders: 2,
  });
  expect(wantedBy(commands, () => true).requestIds).toEqual([named.requestId, unnamed.requestId]);
});
