import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';

import type { CheckoutState } from './cart.ts';
import { MOMENT, cartOf, checkoutIn, line, newId } from '../testing/fixtures.ts';
import {
  CLOSE,
  type Ending,
  type IntentState,
  PRESS,
  close,
  emptyCart,
  orderOf,
  pending,
  press,
  requestOf,
} from './intent.ts';

const later = (ms: number) => new Date(MOMENT.getTime() + ms);
const pressed = (key?: string) => ({ key, newId: newId(), claimMs: 6000 });

function refusalOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('expected a refusal');
}

describe('every pair of intent and press', () => {
  const open = checkoutIn('open');
  const done = checkoutIn('done');
  const filled = [line(1, 2), line(3, 4)];
  type Found = 'nothing' | 'open' | 'open by key' | 'done by key' | 'refused by key' | 'done by key beside open';
  const found: Record<Found, object> = {
    nothing: {},
    open: { open },
    'open by key': { open, keyed: open },
    'done by key': { keyed: done },
    'refused by key': { keyed: checkoutIn('refused') },
    'done by key beside open': { open, keyed: done },
  };
  const table: [Found, 'filled' | 'empty', string][] = [
    ['nothing', 'filled', 'freeze'],
    ['nothing', 'empty', 'empty'],
    ['open', 'filled', 'join'],
    ['open', 'empty', 'join'],
    ['open by key', 'filled', 'join'],
    ['open by key', 'empty', 'join'],
    ['done by key', 'filled', 'answer'],
    ['done by key', 'empty', 'answer'],
    ['refused by key', 'filled', 'freeze'],
    ['refused by key', 'empty', 'empty'],
    ['done by key beside open', 'filled', 'answer'],
    ['done by key beside open', 'empty', 'answer'],
  ];
  for (const [state, contents, step] of table) {
    test(`${state}, the cart ${contents}: ${step}`, () => {
      const command = pressed('k');
      const { changes, answer } = press(
        cartOf({ lines: contents === 'filled' ? filled : [], ...found[state] }),
        command,
      );
      const isFrozen = changes.frozen?.checkout.id === command.newId;
      if (step === 'freeze') expect([answer.kind, isFrozen]).toEqual(['ask', true]);
      if (step === 'join')
        expect([answer, changes.frozen]).toEqual([{ kind: 'ask', checkout: open, moment: MOMENT }, undefined]);
      if (step === 'answer') expect([answer, changes]).toEqual([{ kind: 'ordered', orderId: 5n }, {}]);
      if (step === 'empty') expect([answer, changes]).toEqual([{ kind: 'empty', lastOrderId: undefined }, {}]);
    });
  }

  test('the table names a step for each state', () => {
    const states: IntentState[] = ['none', 'open', 'done', 'refused'];
    expect(states.map((state) => PRESS[state])).toEqual(['freeze', 'join', 'answer', 'freeze']);
  });
});

describe('press', () => {
  const lines = [line(1, 2), line(3, 4)];

  test('freezes the lines as they are, to be decided within a minute', () => {
    const { changes } = press(cartOf({ lines }), pressed());
    expect(changes.frozen).toMatchObject({
      claimMs: 6000,
      checkout: { lines, decideBefore: later(60_000), state: 'open' },
    });
    expect(changes.checkoutKey).toBeUndefined();
  });

  test('freezes with its key', () => {
    const command = pressed('k');
    expect(press(cartOf({ lines }), command).changes.checkoutKey).toEqual({ key: 'k', checkoutId: command.newId });
  });

  test('joins with its key, and holds the claim on', () => {
    const open = checkoutIn('open');
    expect(press(cartOf({ lines, open }), pressed('k')).changes).toEqual({
      extended: { checkoutId: open.id, claimMs: 6000 },
      checkoutKey: { key: 'k', checkoutId: open.id },
    });
    expect(press(cartOf({ lines, open, keyed: open }), pressed('k')).changes.checkoutKey).toBeUndefined();
  });

  const lastDone = checkoutIn('done');
  const ages: [string, number, bigint | undefined][] = [
    ['just now', 0, 5n],
    ['a moment less than ten minutes ago', 599_999, 5n],
    ['ten minutes ago', 600_000, undefined],
  ];
  for (const [name, ms, lastOrderId] of ages) {
    test(`an empty cart, its last checkout done ${name}`, () => {
      const { answer, changes } = press(cartOf({ lastDone, moment: later(ms) }), pressed('k'));
      expect(answer).toEqual({ kind: 'empty', lastOrderId });
      expect(changes.checkoutKey?.checkoutId).toBe(lastOrderId === undefined ? undefined : lastDone.id);
    });
  }
});

describe('every pair of intent and ending', () => {
  const values = { orderId: '9' };
  const refusal = {
    kind: 'failed-precondition',
    reason: 'CHECKOUT_EXPIRED',
    domain: 'loms',
    message: 'late',
    values,
  } as const;
  const endings: Record<Ending['kind'], Ending> = {
    ordered: { kind: 'ordered', orderId: 9n },
    refused: { kind: 'refused', orderId: 9n, refusal },
    taken: { kind: 'taken' },
    abandoned: { kind: 'abandoned' },
  };
  type Row = [CheckoutState, Ending['kind'], CheckoutState, 'closed' | 'kept' | 'alarm', bigint | null];
  const table: Row[] = [
    ['open', 'ordered', 'done', 'closed', 9n],
    ['open', 'refused', 'refused', 'closed', 9n],
    ['open', 'taken', 'refused', 'closed', null],
    ['open', 'abandoned', 'refused', 'closed', null],
    ['done', 'ordered', 'done', 'kept', 5n],
    ['done', 'refused', 'done', 'alarm', 5n],
    ['done', 'taken', 'done', 'alarm', 5n],
    ['done', 'abandoned', 'done', 'kept', 5n],
    ['refused', 'ordered', 'refused', 'alarm', 5n],
    ['refused', 'refused', 'refused', 'kept', 5n],
    ['refused', 'taken', 'refused', 'kept', 5n],
    ['refused', 'abandoned', 'refused', 'kept', 5n],
  ];
  for (const [state, ending, after, how, orderId] of table) {
    test(`${state}, ${ending}: ${after}, ${how}`, () => {
      const named = checkoutIn(state);
      const { changes, answer } = close(cartOf({ named, lines: [line(1, 2)] }), endings[ending]);
      expect([answer?.checkout.state, answer?.checkout.orderId, answer?.isContradicted]).toEqual([
        after,
        orderId,
        how === 'alarm',
      ]);
      expect(changes.closed !== undefined).toBe(how === 'closed');
      expect(changes.removedLineIds).toEqual(state === 'open' && ending === 'ordered' ? [1n] : undefined);
    });
  }

  test('the table is whole', () => {
    expect(table).toHaveLength(Object.values(CLOSE).flatMap((row) => Object.keys(row)).length);
  });

  test('only the frozen counts leave the cart, from the frozen lines', () => {
    const named = checkoutIn('open', { lines: [line(1, 2), line(2, 2), line(3, 2), line(4, 2)] });
    // 1 as it was, 2 grew, 3 was removed and added again, 4 was removed, 5 is new.
    const lines = [line(1, 2), line(2, 5), line(3, 2, 33), line(5, 1)];
    const { changes } = close(cartOf({ named, lines }), endings.ordered);
    expect(changes.removedLineIds).toEqual([1n]);
    expect(changes.changedLines).toEqual([line(2, 3)]);
  });

  test('a checkout that is not there is not closed', () => {
    expect(close(cartOf(), endings.ordered)).toEqual({ changes: {}, answer: undefined });
  });

  test('an operator leaves a reason', () => {
    const named = checkoutIn('open');
    const { changes } = close(cartOf({ named }), endings.abandoned, 'loms is gone for good');
    expect(changes.audit).toEqual({ action: 'close checkout', subject: named.id, reason: 'loms is gone for good' });
  });
});

test('loms is asked without the lines at and past the moment, and with them before', () => {
  const checkout = checkoutIn('open');
  expect(requestOf(checkout, later(59_999)).lines).toEqual(checkout.lines);
  expect(requestOf(checkout, later(60_000)).lines).toEqual([]);
  expect(requestOf(checkout, later(60_000))).toMatchObject({ checkoutId: checkout.id, decideBefore: later(60_000) });
});

describe('what the shopper is told', () => {
  test('of a done checkout its order', () => expect(orderOf(checkoutIn('done'))).toBe(5n));

  test('of a refused one the refusal as loms gave it', () => {
    const { kind, reason, domain, values, retryAfterMs } = refusalOf(() => orderOf(checkoutIn('refused')));
    expect({ kind, reason, domain, values, retryAfterMs }).toEqual({
      kind: 'failed-precondition',
      reason: 'INSUFFICIENT_STOCK',
      domain: 'loms',
      values: { orderId: '5' },
      retryAfterMs: undefined,
    });
  });

  const unavailable: [Ending['kind'], string][] = [
    ['taken', 'CHECKOUT_CONFLICT'],
    ['abandoned', 'CHECKOUT_ABANDONED'],
  ];
  for (const [kind, reason] of unavailable) {
    test(`of one that was ${kind}: UNAVAILABLE ${reason}, come again`, () => {
      const { answer } = close(cartOf({ named: checkoutIn('open') }), { kind } as Ending);
      const error = refusalOf(() => answer && orderOf(answer.checkout));
      expect([error.kind, error.reason, error.retryAfterMs]).toEqual(['unavailable', reason, 1000]);
    });
  }

  test('of an open one that it is pending, and to press again with the same key', () => {
    const busy = pending({ kind: 'busy', retryAfterMs: 700 });
    const unknown = pending({ kind: 'unknown', cause: new Error('lost') });
    expect([busy.kind, busy.reason, busy.retryAfterMs]).toEqual(['resource-exhausted', 'CHECKOUT_PENDING', 700]);
    expect([unknown.kind, unknown.reason, unknown.retryAfterMs]).toEqual(['unavailable', 'CHECKOUT_PENDING', 1000]);
    expect(unknown.message).toContain('same idempotency key');
  });

  test('of an empty cart its last order, while it has one', () => {
    expect(emptyCart(5n)).toMatchObject({ reason: 'EMPTY_CART', values: { lastOrderId: '5' } });
    expect(emptyCart(undefined)).toMatchObject({ reason: 'EMPTY_CART', values: {} });
  });
});
