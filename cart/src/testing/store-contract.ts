import { describe, expect, test } from 'bun:test';

import { type Cart, type CartLine, type Changes, type Decision, unchanged } from '../carts/cart.ts';
import { type Press, closeCheckout, pressCheckout } from '../carts/intent.ts';
import type { Store, Wanted } from '../store/store.ts';
import { line, newId } from './fixtures.ts';

/** A store, and ways to move its clocks. */
interface StoreUnderTest {
  readonly store: Store;
  /** Moves tally_now(). */
  readonly advance: (ms: number) => Promise<void>;
  /** Lets this much time pass on the clock of claims, by moving it or by waiting. */
  readonly pass: (ms: number) => Promise<void>;
}

let users = 0n;

const OPTIONS = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
const REQUEST_HASH = Buffer.from('a hash');

const withoutId = ({ sku, count, name, price }: CartLine) => ({ sku, count, name, price });

/** Declares the tests of what every store promises. They run on the stores that `open` returns. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    describeLines(open);
    describeKeys(open);
    describeCheckouts(open);
    describeClaims(open);
  });
}

type Open = () => Promise<StoreUnderTest>;

/** Opens a store for a new user. Returns the operations that the tests do with the cart of this user. */
async function setUp(open: Open) {
  const opened = await open();
  const { store } = opened;
  users += 1n;
  const userId = users;
  const run = <A>(decide: (cart: Cart) => Decision<A>, wanted: Wanted = {}) =>
    store.update(userId, wanted, decide, OPTIONS);
  const write = (changes: Changes) => run(() => ({ changes, answer: undefined }));
  const press = (key?: string, claimMs = 60_000) => {
    const pressed: Press = { key, newCheckoutId: newId(), claimMs };
    return run((cart) => pressCheckout(cart, pressed), { checkoutKey: key });
  };
  return {
    ...opened,
    userId,
    write,
    press,
    read: (wanted: Wanted = {}) => run((cart) => unchanged(cart), wanted),
    put: (added: CartLine) => write({ addedLine: withoutId(added) }),
    async freeze(key?: string, claimMs?: number) {
      const answer = await press(key, claimMs);
      if (answer.kind !== 'ask') throw new Error(`expected an open checkout, not ${answer.kind}`);
      return answer.checkout;
    },
    closeAsOrdered: (checkoutId: string, orderId: bigint) =>
      run((cart) => closeCheckout(cart, { kind: 'ordered', orderId }), { checkoutId }),
    closeAsTaken: (checkoutId: string) => run((cart) => closeCheckout(cart, { kind: 'taken' }), { checkoutId }),
    contents: async () => (await store.findLines(userId, 1000)).map(({ sku, count }) => [sku, count]),
    async deleteAllOldKeys() {
      let deleted = 1;
      while (deleted > 0) deleted = await store.deleteOldKeys(1_000_000, 100);
    },
  };
}

function describeLines(open: Open): void {
  test('the cart of an unknown user is empty', async () => {
    const { read, contents } = await setUp(open);
    expect(await read({ addKey: 'a', checkoutKey: 'b', checkoutId: newId() })).toMatchObject({
      lines: [],
      openCheckout: undefined,
      checkoutByKey: undefined,
      checkoutById: undefined,
      lastDone: undefined,
      addKeyHash: undefined,
    });
    expect(await contents()).toEqual([]);
  });

  test('lines are kept by sku with their names and prices, changed and removed', async () => {
    const { read, put, write, contents } = await setUp(open);
    const largest = { ...line(4_294_967_295, 65_535), name: 'ä'.repeat(500), price: 4_294_967_295 };
    await put(largest);
    await put(line(2, 3));
    const { lines } = await read();
    expect(lines.map(withoutId)).toEqual([line(2, 3), largest].map(withoutId));
    const changedLines = lines.map((each) => ({ ...each, count: 9, name: 'new', price: 0 }));
    await write({ changedLines });
    expect((await read()).lines).toEqual(changedLines);
    await write({ removedLineIds: [lines[0]?.id ?? 0n] });
    expect(await contents()).toEqual([[4_294_967_295, 9]]);
  });

  test('a line that is removed and added again gets a new id', async () => {
    const { read, put, write } = await setUp(open);
    await put(line(2, 3));
    const [first] = (await read()).lines;
    await write({ removedLineIds: [first?.id ?? 0n] });
    await put(line(2, 3));
    const [second] = (await read()).lines;
    expect(second?.id).not.toBe(first?.id as bigint);
  });

  test('concurrent updates of one cart run one after another, so that each of them counts', async () => {
    const { store, userId, contents } = await setUp(open);
    const addOne = (cart: Cart): Decision<void> => {
      const [first] = cart.lines;
      const changes: Changes =
        first === undefined ? { addedLine: line(1, 1) } : { changedLines: [{ ...first, count: first.count + 1 }] };
      return { changes, answer: undefined };
    };
    const options = { deadlineMs: Date.now() + 20_000, isRepeatable: true };
    await Promise.all(Array.from({ length: 20 }, () => store.update(userId, {}, addOne, options)));
    expect(await contents()).toEqual([[1, 20]]);
  });

  test('a decision that throws changes nothing', async () => {
    const { put, store, userId, contents } = await setUp(open);
    await put(line(1, 1));
    const decide = () => {
      throw new Error('a bug');
    };
    const failed = store.update(userId, {}, decide, { deadlineMs: Date.now() + 5000, isRepeatable: true });
    expect(await failed.catch((error: Error) => error.message)).toBe('a bug');
    expect(await contents()).toEqual([[1, 1]]);
  });
}

function describeKeys(open: Open): void {
  test('a key of AddItem finds the hash of its request, for its user alone, until it is old', async () => {
    const { store, userId, write, read, advance } = await setUp(open);
    await write({ addKey: { text: 'k', requestHash: REQUEST_HASH } });
    expect((await read({ addKey: 'k' })).addKeyHash).toEqual(REQUEST_HASH);
    expect(await store.findAddKey(userId, 'k', 1000)).toEqual(REQUEST_HASH);
    expect(await store.findAddKey(userId, 'other', 1000)).toBeUndefined();
    expect(await store.findAddKey(userId + 1_000_000n, 'k', 1000)).toBeUndefined();
    await advance(900_000);
    await write({ addKey: { text: 'young', requestHash: REQUEST_HASH } });
    await advance(200_000);
    await store.deleteOldKeys(1_000_000, 100);
    expect((await read({ addKey: 'k' })).addKeyHash).toBeUndefined();
    expect((await read({ addKey: 'young' })).addKeyHash).toEqual(REQUEST_HASH);
  });

  test('deleteOldKeys deletes at most `limit` keys, and resolves with their number', async () => {
    const { store, write, advance, deleteAllOldKeys } = await setUp(open);
    await advance(100_000_000);
    await deleteAllOldKeys();
    for (const text of ['a', 'b', 'c']) await write({ addKey: { text, requestHash: REQUEST_HASH } });
    await advance(100_000_000);
    expect(await store.deleteOldKeys(1_000_000, 2)).toBe(2);
    expect(await store.deleteOldKeys(1_000_000, 2)).toBe(1);
    expect(await store.deleteOldKeys(1_000_000, 2)).toBe(0);
  });

  test('a key of Checkout is deleted when it is old', async () => {
    const { put, freeze, closeAsOrdered, read, advance, deleteAllOldKeys } = await setUp(open);
    await put(line(1, 2));
    const { id } = await freeze('k');
    await closeAsOrdered(id, 77n);
    await advance(2_000_000);
    await deleteAllOldKeys();
    expect((await read({ checkoutKey: 'k' })).checkoutByKey).toBeUndefined();
  });

  test('the age of a key that moved on from a refused checkout counts from its last use', async () => {
    const { put, freeze, closeAsOrdered, closeAsTaken, read, advance, deleteAllOldKeys } = await setUp(open);
    await put(line(1, 2));
    await closeAsTaken((await freeze('k')).id);
    await advance(900_000);
    const { id } = await freeze('k');
    await closeAsOrdered(id, 77n);
    await advance(500_000);
    await deleteAllOldKeys();
    expect((await read({ checkoutKey: 'k' })).checkoutByKey?.id).toBe(id);
  });
}

function describeCheckouts(open: Open): void {
  test('a freeze stores the lines as they are, and later changes of the cart leave them alone', async () => {
    const { store, userId, read, put, freeze, write } = await setUp(open);
    await put(line(1, 2));
    await put(line(3, 4));
    const { lines } = await read();
    const { id } = await freeze();
    await write({ removedLineIds: lines.map((each) => each.id) });
    const { openCheckout, checkoutById } = await read({ checkoutId: id });
    const expected = { id, userId, state: 'open', closedAt: null, orderId: null, refusal: null, lines };
    expect(openCheckout).toMatchObject(expected);
    expect(checkoutById).toMatchObject(expected);
    expect(await store.findOwner(id)).toBe(userId);
    expect(await store.findOwner(newId())).toBeUndefined();
  });

  test('decide_before is one minute after the freeze, by tally_now()', async () => {
    const { read, put, freeze, advance } = await setUp(open);
    await put(line(1, 2));
    await freeze();
    await advance(59_000);
    const before = await read();
    await advance(1_000);
    const after = await read();
    const leftMs = ({ openCheckout, moment }: Cart) => (openCheckout?.decideBefore.getTime() ?? 0) - moment.getTime();
    expect(leftMs(before)).toBeGreaterThan(0);
    expect(leftMs(after)).toBeLessThanOrEqual(0);
  });

  test('presses join with their keys, and each key finds the checkout once it is done', async () => {
    const { read, put, freeze, press, closeAsOrdered } = await setUp(open);
    await put(line(1, 2));
    const { id } = await freeze('first');
    expect(await press('second')).toMatchObject({ kind: 'ask', checkout: { id } });
    expect((await read({ checkoutKey: 'second' })).checkoutByKey?.id).toBe(id);
    await closeAsOrdered(id, 77n);
    await put(line(1, 2));
    for (const key of ['first', 'second']) expect(await press(key)).toEqual({ kind: 'ordered', orderId: 77n });
    expect((await read({ checkoutKey: 'third' })).checkoutByKey).toBeUndefined();
  });

  test('when a checkout is done, only the frozen counts leave the cart, and only from the frozen lines', async () => {
    const { read, put, write, freeze, closeAsOrdered, contents } = await setUp(open);
    for (const sku of [1, 2, 3]) await put(line(sku, 2));
    const { id } = await freeze();
    const [, two, three] = (await read()).lines as [CartLine, CartLine, CartLine];
    await write({ changedLines: [{ ...two, count: 5 }], removedLineIds: [three.id] });
    await put(line(3, 2));
    await put(line(4, 1));
    await closeAsOrdered(id, 77n);
    expect(await contents()).toEqual([
      [2, 3],
      [3, 2],
      [4, 1],
    ]);
    expect((await read()).openCheckout).toBeUndefined();
  });

  test('a checkout is closed once, and later closings read the first result', async () => {
    const { put, freeze, closeAsOrdered, closeAsTaken, read } = await setUp(open);
    await put(line(1, 2));
    const { id } = await freeze();
    const [first, second] = await Promise.all([closeAsOrdered(id, 77n), closeAsOrdered(id, 77n)]);
    const third = await closeAsTaken(id);
    expect([first, second, third].map((closing) => closing?.checkout.orderId)).toEqual([77n, 77n, 77n]);
    expect(third?.isContradicted).toBe(true);
    expect((await read({ checkoutId: id })).checkoutById).toMatchObject({ state: 'done', orderId: 77n });
  });

  test('when a checkout is refused, the cart keeps its lines, and the same key can start a new checkout', async () => {
    const { put, freeze, closeAsTaken, contents, read } = await setUp(open);
    await put(line(1, 2));
    const { id } = await freeze('k');
    const closing = await closeAsTaken(id);
    expect(closing?.checkout.refusal).toMatchObject({ reason: 'CHECKOUT_CONFLICT', values: { checkoutId: id } });
    expect((await read({ checkoutId: id })).checkoutById).toEqual(closing?.checkout);
    expect(await contents()).toEqual([[1, 2]]);
    expect((await freeze('k')).id).not.toBe(id);
  });

  test('a press on an empty cart names the last order for ten minutes, and its key returns it later', async () => {
    const { put, freeze, closeAsOrdered, press, advance } = await setUp(open);
    for (const orderId of [77n, 78n]) {
      await put(line(1, 2));
      await closeAsOrdered((await freeze()).id, orderId);
      await advance(1000);
    }
    expect(await press('k')).toEqual({ kind: 'empty', lastOrderId: 78n });
    await advance(700_000);
    expect(await press()).toEqual({ kind: 'empty', lastOrderId: undefined });
    expect(await press('k')).toEqual({ kind: 'ordered', orderId: 78n });
  });
}

function describeClaims(open: Open): void {
  test('a checkout can be claimed once its claim has ended, by one caller at a time', async () => {
    const { store, put, freeze, pass } = await setUp(open);
    await put(line(1, 2));
    const { id } = await freeze(undefined, 40);
    const claim = async () => (await store.claimOpen(1000, 40)).filter(({ checkout }) => checkout.id === id);
    expect(await claim()).toEqual([]);
    await pass(60);
    const claims = (await Promise.all([claim(), claim()])).flat();
    expect(claims).toHaveLength(1);
    expect(claims[0]).toMatchObject({ checkout: { state: 'open', lines: [{ sku: 1, count: 2 }] } });
    await pass(60);
    expect(await claim()).toHaveLength(1);
  });

  test('a press that joins extends the claim, and never shortens it', async () => {
    const { store, put, freeze, press, pass } = await setUp(open);
    await put(line(1, 2));
    const { id } = await freeze(undefined, 40);
    await press(undefined, 60_000);
    await press(undefined, 10);
    await pass(60);
    const claimed = await store.claimOpen(1000, 40);
    expect(claimed.map(({ checkout }) => checkout.id)).not.toContain(id);
  });

  test('a closed checkout is not claimed, and no more are claimed at once than the limit allows', async () => {
    const { store, put, freeze, closeAsOrdered, pass } = await setUp(open);
    for (const other of [await setUp(open), await setUp(open)]) {
      await other.put(line(1, 1));
      await other.freeze(undefined, 1);
    }
    await put(line(1, 2));
    const { id } = await freeze(undefined, 1);
    await closeAsOrdered(id, 77n);
    await pass(20);
    const claimed = await store.claimOpen(1, 60_000);
    expect(claimed.length).toBeLessThanOrEqual(1);
    expect((await store.claimOpen(1000, 60_000)).map(({ checkout }) => checkout.id)).not.toContain(id);
  });
}
