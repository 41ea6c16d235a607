import { describe, expect, test } from 'bun:test';

import { notification } from './fixtures.ts';
import { type Notification, type NotificationState, decideInbox, decideReplay } from './inbox.ts';

/** The states of an order's versions, by version. */
type Known = Readonly<Record<number, NotificationState>>;
const toKnown = (known: Known) =>
  Object.entries(known).map(([version, state]) => notification(1n, Number(version), { state }));
const versionsOf = (notifications: readonly Notification[]) => notifications.map(({ version }) => version);
const stateOf = (notifications: readonly Notification[], version: number) =>
  notifications.find((candidate) => candidate.version === version)?.state;

/** Decides for arrivals of one order. An event that reports a status arrives as parked, and any other as dead. */
const decide = (known: Known, arrivals: [version: number, state: 'parked' | 'dead'][]) =>
  decideInbox(
    toKnown(known),
    arrivals.map(([version, state]) => notification(1n, version, { state })),
  );

describe('an event of version 2', () => {
  const table: [
    known: NotificationState | 'unknown',
    first: 'passed' | 'missing',
    arrives: 'readable' | 'dead',
    becomes: NotificationState | 'unchanged',
    told: number[],
  ][] = [
    ['unknown', 'passed', 'readable', 'applied', [2, 3]],
    ['unknown', 'passed', 'dead', 'dead', [3]],
    ['unknown', 'missing', 'readable', 'parked', []],
    ['unknown', 'missing', 'dead', 'dead', []],
    ['parked', 'missing', 'readable', 'unchanged', []],
    ['parked', 'missing', 'dead', 'unchanged', []],
    ['applied', 'passed', 'readable', 'unchanged', []],
    ['applied', 'passed', 'dead', 'unchanged', []],
    ['dead', 'passed', 'readable', 'unchanged', []],
    ['dead', 'passed', 'dead', 'unchanged', []],
    ['dead', 'missing', 'readable', 'unchanged', []],
    ['dead', 'missing', 'dead', 'unchanged', []],
  ];
  for (const [known, first, arrives, becomes, told] of table) {
    const before = `version 1 ${first === 'passed' ? 'passed' : 'is missing'} and version 2 is ${known}`;
    test(`${arrives}, while ${before}: ${becomes}`, () => {
      const states: Known = {
        ...(first === 'passed' && { 1: 'applied' as const }),
        ...(known !== 'unknown' && { 2: known }),
        // Version 3 came before this event. It was applied if version 2 had passed by then, and else it is parked.
        3: first === 'passed' && known !== 'unknown' ? 'applied' : 'parked',
      };
      const decision = decide(states, [[2, arrives === 'readable' ? 'parked' : 'dead']]);
      expect(stateOf(decision.inserted, 2) ?? 'unchanged').toBe(becomes);
      expect(versionsOf(decision.told)).toEqual(told);
      expect(decision.duplicates).toBe(becomes === 'unchanged' ? 1 : 0);
      expect(versionsOf(decision.released)).toEqual(told.filter((version) => version === 3));
      expect([...decision.told, ...decision.released].every(({ state }) => state === 'applied')).toBe(true);
    });
  }
});

test('versions that arrive together are told in order, whatever the order of arrival', () => {
  for (const order of [
    [1, 2, 3],
    [3, 1, 2],
    [3, 2, 1],
  ]) {
    const { inserted, told } = decide(
      {},
      order.map((version) => [version, 'parked']),
    );
    expect(versionsOf(told)).toEqual([1, 2, 3]);
    expect([1, 2, 3].map((version) => stateOf(inserted, version))).toEqual(['applied', 'applied', 'applied']);
  }
});

test('the first occurrence of a version counts, whether it can be read or not', () => {
  for (const [first, second, becomes] of [
    ['dead', 'parked', 'dead'],
    ['parked', 'dead', 'applied'],
  ] as const) {
    const { inserted, duplicates } = decide({}, [
      [1, first],
      [1, second],
    ]);
    expect([inserted.length, stateOf(inserted, 1), duplicates]).toEqual([1, becomes, 1]);
  }
});

test('orders that arrive together do not wait for each other', () => {
  const arrivals = [notification(1n, 2), notification(2n, 1), notification(1n, 1), notification(3n, 2)];
  const { inserted, told } = decideInbox([notification(3n, 1, { state: 'applied' })], arrivals);
  expect(told.map(({ orderId, version }) => `${orderId}-${version}`).toSorted()).toEqual(['1-1', '1-2', '2-1', '3-2']);
  expect(inserted).toHaveLength(4);
});

test('in every order of arrival, with each event twice, each version is told once and in order', () => {
  const versions = [1, 2, 3, 4];
  const permutations = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((first) =>
          permutations(rest.filter((other) => other !== first)).map((others) => [first, ...others]),
        );
  for (const permutation of permutations(versions)) {
    let known = new Map<number, Notification>();
    const told: number[] = [];
    for (const version of permutation.flatMap((twice) => [twice, twice])) {
      const decision = decideInbox([...known.values()], [notification(1n, version)]);
      told.push(...versionsOf(decision.told));
      for (const stored of [...decision.inserted, ...decision.released]) known = known.set(stored.version, stored);
    }
    expect(told).toEqual(versions);
  }
});

describe('a replay', () => {
  const replayed = (known: Known, version: number) => decideReplay(toKnown(known), version);

  test('applies a dead version when all versions before it have passed', () => {
    expect(replayed({ 1: 'applied', 2: 'dead' }, 2)).toEqual({ state: 'applied', isLate: false });
    expect(replayed({ 1: 'dead', 2: 'dead' }, 2)).toEqual({ state: 'applied', isLate: false });
  });

  test('is late when a later version has been told', () => {
    expect(replayed({ 1: 'dead', 2: 'applied' }, 1)).toEqual({ state: 'applied', isLate: true });
  });

  test('parks a dead version when one before it is parked or missing', () => {
    expect(replayed({ 1: 'parked', 2: 'dead' }, 2)?.state).toBe('parked');
    expect(replayed({ 2: 'dead' }, 2)?.state).toBe('parked');
  });

  test('is refused for a version that is not dead', () => {
    expect(replayed({ 1: 'applied' }, 1)).toBeUndefined();
    expect(replayed({}, 1)).toBeUndefined();
  });
});
