import { expect, test } from 'bun:test';

import { type OrderCause, ORDER_MOVEMENTS, ORDER_STATUSES, ORDER_STEPS, type OrderStatus } from '@tally/proto/events';

import { line, order } from '../testing/fixtures.ts';
import { haveSameGoods, sumLines, transition } from './order.ts';

const CAUSES = [null, ...new Set(ORDER_STEPS.flatMap(({ cause }) => cause ?? []))];

/** Returns the movement of a transition, 'none' when it moves no stock, or 'not allowed'. */
function movementOf(from: OrderStatus, to: OrderStatus, cause: OrderCause | null): string {
  try {
    return transition(order(from), to, cause).movement ?? 'none';
  } catch {
    return 'not allowed';
  }
}

for (const from of ORDER_STATUSES) {
  test(`the transitions from '${from}' are the steps of the contract, with the same causes and movements`, () => {
    for (const to of ORDER_STATUSES) {
      for (const cause of CAUSES) {
        const isStep = ORDER_STEPS.some((step) => step.from === from && step.to === to && step.cause === cause);
        const [movement = 'none'] = ORDER_MOVEMENTS[to].slice(ORDER_MOVEMENTS[from].length);
        expect([to, cause, movementOf(from, to, cause)]).toEqual([to, cause, isStep ? movement : 'not allowed']);
      }
    }
  });
}

test('a transition raises the version by one, and keeps the rest of the order', () => {
  const before = order('awaiting payment');
  expect(transition(before, 'cancelled', 'shopper').next).toEqual({
    ...before,
    status: 'cancelled',
    cause: 'shopper',
    version: 3,
  });
});

test('lines of one sku are summed, under the name and price of the first one, and sorted by sku', () => {
  const lines = [line(2, 1), line(1, 3), { ...line(2, 4), name: 'another name', price: 1 }];
  expect(sumLines(lines)).toEqual([line(1, 3), line(2, 5)]);
});

test('goods are the same when skus and counts are', () => {
  const goods = [line(1, 2), line(2, 1)];
  expect(haveSameGoods(goods, [{ ...line(1, 2), name: 'another name', price: 1 }, line(2, 1)])).toBe(true);
  expect(haveSameGoods(goods, [line(1, 2)])).toBe(false);
  expect(haveSameGoods(goods, [line(1, 2), line(2, 2)])).toBe(false);
  expect(haveSameGoods(goods, [line(1, 2), line(3, 1)])).toBe(false);
});
