import { describe, expect, test } from 'bun:test';

import { type Arrival, type NotificationState, decideInbox, decideReplay } from './inbox.ts';

type Known = Record<number, NotificationState>;
const mapOf = (known: Known) => new Map(Object.entries(known).map(([version, state]) => [Number(version), state]));
const arrive = (known: Known, arrivals: [number, Arrival][]) =>
  decideInbox(
    mapOf(known),
    arrivals.map(([version, arrival]) => ({ version, arrival })),
  );

describe('every pair of what is known of a version and what arrives for it', () => {
  // Version 2 arrives; 1 has passed or is missing; 3 is parked behind it.
  const table: [
    known: NotificationState | 'nothing',
    first: 'passed' | 'missing',
    Arrival,
    becomes: NotificationState | 'unchanged',
    told: number[],
  ][] = [
    ['nothing', 'passed', 'change', 'applied', [2, 3]],
    ['nothing', 'passed', 'dead', 'dead', [3]],
    ['nothing', 'missing', 'change', 'parked', []],
    ['nothing', 'missing', 'dead', 'dead', []],
    ['parked', 'missing', 'change', 'unchanged', []],
    ['parked', 'missing', 'dead', 'unchanged', []],
    ['applied', 'passed', 'change', 'unchanged', []],
    ['applied', 'passed', 'dead', 'unchanged', []],
    ['dead', 'passed', 'change', 'unchanged', []],
    ['dead', 'passed', 'dead', 'unchanged', []],
    ['dead', 'missing', 'change', 'unchanged', []],
    ['dead', 'missing', 'dead', 'unchanged', []],
  ];
  for (const [known, first, arrival, becomes, told] of table) {
    test(`known: ${known}, the one before ${first}, arrives: ${arrival} -> ${becomes}`, () => {
      const before: Known = {
        ...(first === 'passed' && { 1: 'applied' as const }),
        ...(known !== 'nothing' && { 2: known }),
        3: first === 'passed' && known !== 'nothing' ? 'applied' : 'parked',
      };
      const decided = arrive(before, [[2, arrival]]);
      expect(decided.inserted.get(2) ?? 'unchanged').toBe(becomes);
      expect(decided.told).toEqual(told);
      expect(decided.duplicates).toBe(becomes === 'unchanged' ? 1 : 0);
      expect(decided.released).toEqual(told.filter((version) => version === 3));
    });
  }
});

test('a batch in order is applied in order', () => {
  const { inserted, told } = arrive({}, [
    [1, 'change'],
    [2, 'change'],
    [3, 'change'],
  ]);
  expect([...inserted.values()]).toEqual(['applied', 'applied', 'applied']);
  expect(told).toEqual([1, 2, 3]);
});

test('a batch out of order is told in order', () => {
  const { inserted, told } = arrive({}, [
    [3, 'change'],
    [1, 'change'],
    [2, 'change'],
  ]);
  expect(told).toEqual([1, 2, 3]);
  expect(inserted.get(3)).toBe('applied');
});

test('the first occurrence counts, marker or event', () => {
  expect(
    arrive({}, [
      [1, 'dead'],
      [1, 'change'],
    ]).inserted.get(1),
  ).toBe('dead');
  expect(
    arrive({}, [
      [1, 'change'],
      [1, 'dead'],
    ]).inserted.get(1),
  ).toBe('applied');
});

test('every order of arrival, with repeats, tells each version once and in order', () => {
  const versions = [1, 2, 3, 4];
  const orders = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((one) => orders(rest.filter((other) => other !== one)).map((tail) => [one, ...tail]));
  for (const order of orders(versions)) {
    let known = new Map<number, NotificationState>();
    const told: number[] = [];
    for (const version of order.flatMap((one) => [one, one])) {
      const decided = decideInbox(known, [{ version, arrival: 'change' }]);
      told.push(...decided.told);
      known = new Map([...known, ...decided.inserted, ...decided.released.map((one) => [one, 'applied'] as const)]);
    }
    expect(told).toEqual(versions);
  }
});

describe('a replay', () => {
  test('of a dead version whose predecessors have passed is applied', () => {
    expect(decideReplay(mapOf({ 1: 'applied', 2: 'dead' }), 2)).toEqual({ state: 'applied', isLate: false });
    expect(decideReplay(mapOf({ 1: 'dead', 2: 'dead' }), 2)).toEqual({ state: 'applied', isLate: false });
  });
  test('is late where later ones were told already', () => {
    expect(decideReplay(mapOf({ 1: 'dead', 2: 'applied' }), 1)).toEqual({ state: 'applied', isLate: true });
  });
  test('waits for those before it', () => {
    expect(decideReplay(mapOf({ 1: 'parked', 2: 'dead' }), 2)?.state).toBe('parked');
    expect(decideReplay(mapOf({ 2: 'dead' }), 2)?.state).toBe('parked');
  });
  test('of anything else is none', () => {
    expect(decideReplay(mapOf({ 1: 'applied' }), 1)).toBeUndefined();
    expect(decideReplay(mapOf({}), 1)).toBeUndefined();
  });
});
