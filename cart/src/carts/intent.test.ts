import { describe, expect, test } from 'bun:test';

import { MOMENT, cartWith, checkoutIn, line, newId } from '../testing/fixtures.ts';
import { type Cart, type CheckoutState, orderIdOf } from './cart.ts';
import { type Ending, type IntentState, ON_ENDING, ON_PRESS, closeCheckout, pressCheckout } from './intent.ts';

const later = (ms: number) => new Date(MOMENT.getTime() + ms);
const pressWith = (key?: string) => ({ key, newCheckoutId: newId(), claimMs: 6000 });

describe('every pair of a state and a press', () => {
  const open = checkoutIn('open');
  const done = checkoutIn('done');
  type Found =
    | 'nothing'
    | 'open'
    | 'open by key'
    | 'done by key'
    | 'refused by key'
    | 'done by key, another open'
    | 'refused by key, another open';
  const found: Record<Found, Partial<Cart>> = {
    nothing: {},
    open: { openCheckout: open },
    'open by key': { openCheckout: open, checkoutByKey: open },
    'done by key': { checkoutByKey: done },
    'refused by key': { checkoutByKey: checkoutIn('refused') },
    'done by key, another open': { openCheckout: open, checkoutByKey: done },
    'refused by key, another open': { openCheckout: open, checkoutByKey: checkoutIn('refused') },
  };
  const table: [Found, 'filled' | 'empty', 'freeze' | 'join' | 'answer' | 'empty'][] = [
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
    ['done by key, another open', 'filled', 'answer'],
    ['done by key, another open', 'empty', 'answer'],
    ['refused by key, another open', 'filled', 'join'],
    ['refused by key, another open', 'empty', 'join'],
  ];
  for (const [state, contents, step] of table) {
    test(`${state}, the cart ${contents}: ${step}`, () => {
      const press = pressWith('k');
      const lines = contents === 'filled' ? [line(1, 2), line(3, 4)] : [];
      const { changes, answer } = pressCheckout(cartWith({ lines, ...found[state] }), press);
      if (step === 'freeze') {
        expect([answer.kind, changes.frozen?.checkout.id]).toEqual(['ask', press.newCheckoutId]);
      }
      if (step === 'join') {
        expect([answer, changes.frozen]).toEqual([{ kind: 'ask', checkout: open, moment: MOMENT }, undefined]);
      }
      if (step === 'answer') expect([answer, changes]).toEqual([{ kind: 'ordered', orderId: 5n }, {}]);
      if (step === 'empty') expect([answer, changes]).toEqual([{ kind: 'empty', lastOrderId: undefined }, {}]);
    });
  }

  test('the table has a step for each state', () => {
    const states: IntentState[] = ['none', 'open', 'done', 'refused'];
    expect(states.map((state) => ON_PRESS[state])).toEqual(['freeze', 'join', 'answer', 'freeze']);
  });
});

describe('a press', () => {
  const lines = [line(1, 2), line(3, 4)];

  test('freezes the lines as they are, for loms to decide within a minute', () => {
    const { changes } = pressCheckout(cartWith({ lines }), pressWith());
    expect(changes.frozen).toMatchObject({
      claimMs: 6000,
      checkout: { lines, decideBefore: later(60_000), state: 'open' },
    });
    expect(changes.checkoutKey).toBeUndefined();
  });

  test('stores its key together with the checkout that it freezes', () => {
    const press = pressWith('k');
    const { changes } = pressCheckout(cartWith({ lines }), press);
    expect(changes.checkoutKey).toEqual({ key: 'k', checkoutId: press.newCheckoutId });
  });

  test('that joins stores its key and extends the claim', () => {
    const openCheckout = checkoutIn('open');
    const { changes } = pressCheckout(cartWith({ lines, openCheckout }), pressWith('k'));
    expect(changes).toEqual({
      extendedClaim: { checkoutId: openCheckout.id, claimMs: 6000 },
      checkoutKey: { key: 'k', checkoutId: openCheckout.id },
    });
  });

  test('that joins with a key of the same checkout stores no key', () => {
    const openCheckout = checkoutIn('open');
    const cart = cartWith({ lines, openCheckout, checkoutByKey: openCheckout });
    expect(pressCheckout(cart, pressWith('k')).changes.checkoutKey).toBeUndefined();
  });

  const lastDone = checkoutIn('done');
  const ages: [string, number, bigint | undefined][] = [
    ['just now', 0, 5n],
    ['a moment less than ten minutes ago', 599_999, 5n],
    ['ten minutes ago', 600_000, undefined],
  ];
  for (const [name, ms, lastOrderId] of ages) {
    test(`of an empty cart whose last checkout was done ${name} answers with ${lastOrderId ?? 'no order'}`, () => {
      const { answer, changes } = pressCheckout(cartWith({ lastDone, moment: later(ms) }), pressWith('k'));
      expect(answer).toEqual({ kind: 'empty', lastOrderId });
      expect(changes.checkoutKey?.checkoutId).toBe(lastOrderId === undefined ? undefined : lastDone.id);
    });
  }
});

describe('every pair of a state and an ending', () => {
  const refusal = {
    kind: 'failed-precondition',
    reason: 'CHECKOUT_EXPIRED',
    domain: 'loms',
    message: 'too late',
    values: { orderId: '9' },
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
  for (const [state, ending, stateAfter, result, orderId] of table) {
    test(`${state}, ${ending}: ${stateAfter}, ${result}`, () => {
      const cart = cartWith({ checkoutById: checkoutIn(state), lines: [line(1, 2)] });
      const { changes, answer } = closeCheckout(cart, endings[ending]);
      expect(answer?.checkout).toMatchObject({ state: stateAfter, orderId });
      expect(answer?.isContradicted).toBe(result === 'alarm');
      expect(changes.closed !== undefined).toBe(result === 'closed');
      expect(changes.removedLineIds).toEqual(stateAfter === 'done' && result === 'closed' ? [1n] : undefined);
    });
  }

  test('the table covers every state and every ending', () => {
    expect(table).toHaveLength(Object.values(ON_ENDING).flatMap((row) => Object.keys(row)).length);
  });

  const unavailable = { taken: 'CHECKOUT_CONFLICT', abandoned: 'CHECKOUT_ABANDONED' } as const;
  for (const kind of ['taken', 'abandoned'] as const) {
    test(`a checkout that was ${kind} is refused with UNAVAILABLE ${unavailable[kind]}`, () => {
      const checkoutById = checkoutIn('open');
      const { answer } = closeCheckout(cartWith({ checkoutById }), { kind });
      expect(answer?.checkout.refusal).toMatchObject({
        kind: 'unavailable',
        reason: unavailable[kind],
        domain: 'cart',
        values: { checkoutId: checkoutById.id },
      });
    });
  }

  test('only the frozen counts leave the cart, and only from the frozen lines', () => {
    const checkoutById = checkoutIn('open', { lines: [line(1, 2), line(2, 2), line(3, 2), line(4, 2)] });
    const [unchanged, grown, addedAgain, added] = [line(1, 2), line(2, 5), line(3, 2, 33), line(5, 1)];
    const cart = cartWith({ checkoutById, lines: [unchanged, grown, addedAgain, added] });
    const { changes } = closeCheckout(cart, endings.ordered);
    expect(changes.removedLineIds).toEqual([1n]);
    expect(changes.changedLines).toEqual([line(2, 3)]);
  });

  test('an unknown checkout is not closed', () => {
    expect(closeCheckout(cartWith(), endings.ordered)).toEqual({ changes: {}, answer: undefined });
  });

  test('the reason of an operator is stored for the audit', () => {
    const checkoutById = checkoutIn('open');
    const { changes } = closeCheckout(cartWith({ checkoutById }), endings.abandoned, 'loms is gone for good');
    expect(changes.audit).toEqual({
      action: 'close checkout',
      subject: checkoutById.id,
      reason: 'loms is gone for good',
    });
  });
});

test('orderIdOf returns the order of a checkout that is done, and throws for any other checkout', () => {
  expect(orderIdOf(checkoutIn('done'))).toBe(5n);
  expect(() => orderIdOf(checkoutIn('open'))).toThrow('has no order');
  expect(() => orderIdOf(checkoutIn('refused'))).toThrow('has no order');
  expect(() => orderIdOf(checkoutIn('done', { orderId: null }))).toThrow('has no order');
});
