import { describe, expect, test } from 'bun:test';

import { type Cart, type CartLine, type Changes, type Decision, unchanged } from '../carts/cart.ts';
import { line, newId } from './fixtures.ts';
import { close, press } from '../carts/intent.ts';
import type { Store, Wanted } from '../store/store.ts';

/** A store, and ways to move its clocks. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Moves tally_now(). */
  readonly advance: (ms: number) => Promise<void>;
  /** Moves the clock of claims, or waits for it. */
  readonly pass: (ms: number) => Promise<void>;
}

let users = 0n;

const withoutId = ({ sku, count, name, price }: CartLine) => ({ sku, count, name, price });

/** What every store promises. Runs on memory and on PostgreSQL. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store on ${name}`, () => {
    async function setUp() {
      const opened = await open();
      const { store } = opened;
      users += 1n;
      const userId = users;
      const limits = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
      const run = <A>(decide: (cart: Cart) => Decision<A>, wanted: Wanted = {}) =>
        store.update(userId, wanted, decide, limits);
      const write = (changes: Changes) => run(() => ({ changes, answer: undefined }));
      const look = (wanted: Wanted = {}) => run((cart) => unchanged(cart), wanted);
      const put = (added: CartLine) => write({ addedLine: withoutId(added) });
      const pressWith = (key?: string, claimMs = 60_000) =>
        run((cart) => press(cart, { key, newId: newId(), claimMs }), { checkoutKey: key });
      const freeze = async (key?: string, claimMs?: number) => {
        const answer = await pressWith(key, claimMs);
        if (answer.kind !== 'ask') throw new Error(`frozen already: ${answer.kind}`);
        return answer.checkout;
      };
      const order = (checkoutId: string, orderId: bigint) =>
        run((cart) => close(cart, { kind: 'ordered', orderId }), { checkoutId });
      const refuse = (checkoutId: string) => run((cart) => close(cart, { kind: 'taken' }), { checkoutId });
      const contents = async () => (await store.findLines(userId, 1000)).map(({ sku, count }) => [sku, count]);
      const deleteAllOldKeys = async () => {
        let deleted = 1;
        while (deleted > 0) deleted = await store.deleteOldKeys(1_000_000, 100);
      };
      return { ...opened, deleteAllOldKeys, userId, write, look, put, pressWith, freeze, order, refuse, contents };
    }

    test('an unknown cart is empty', async () => {
      const { look, contents } = await setUp();
      expect(await look({ addKey: 'a', checkoutKey: 'b', checkoutId: newId() })).toMatchObject({
        lines: [],
        open: undefined,
        keyed: undefined,
        named: undefined,
        lastDone: undefined,
        addKeyHash: undefined,
      });
      expect(await contents()).toEqual([]);
    });

    test('keeps lines by sku, with their names and prices, and changes them', async () => {
      const { look, put, write, contents } = await setUp();
      const large = { ...line(4_294_967_295, 65_535), name: 'ä'.repeat(500), price: 4_294_967_295 };
      await put(large);
      await put(line(2, 3));
      const { lines } = await look();
      expect(lines.map(withoutId)).toEqual([line(2, 3), large].map(withoutId));
      await write({ changedLines: lines.map((each) => ({ ...each, count: 9, name: 'new', price: 0 })) });
      expect((await look()).lines).toEqual(lines.map((each) => ({ ...each, count: 9, name: 'new', price: 0 })));
      await write({ removedLineIds: [lines[0]?.id ?? 0n] });
      expect(await contents()).toEqual([[4_294_967_295, 9]]);
    });

    test('a line that is added again is another line', async () => {
      const { look, put, write } = await setUp();
      await put(line(2, 3));
      const [first] = (await look()).lines;
      await write({ removedLineIds: [first?.id ?? 0n] });
      await put(line(2, 3));
      const [second] = (await look()).lines;
      expect(second?.id).not.toBe(first?.id as bigint);
    });

    test('what is changed together is written together, and concurrent changes all count', async () => {
      const { store, userId, contents } = await setUp();
      const addOne = (cart: Cart): Decision<void> => {
        const [first] = cart.lines;
        const changes: Changes =
          first === undefined ? { addedLine: line(1, 1) } : { changedLines: [{ ...first, count: first.count + 1 }] };
        return { changes, answer: undefined };
      };
      const limits = { deadlineMs: Date.now() + 20_000, isRepeatable: true };
      await Promise.all(Array.from({ length: 20 }, () => store.update(userId, {}, addOne, limits)));
      expect(await contents()).toEqual([[1, 20]]);
    });

    test('a decision that throws changes nothing', async () => {
      const { put, store, userId, contents } = await setUp();
      await put(line(1, 1));
      const bug = () => {
        throw new Error('a bug');
      };
      const failed = store.update(userId, {}, bug, { deadlineMs: Date.now() + 5000, isRepeatable: true });
      expect(await failed.catch((error: Error) => error.message)).toBe('a bug');
      expect(await contents()).toEqual([[1, 1]]);
    });

    test('a key of AddItem finds its request, of that user alone, until it is old', async () => {
      const { store, userId, write, look, advance } = await setUp();
      const requestHash = Buffer.from('what was asked');
      await write({ addKey: { text: 'k', requestHash } });
      expect((await look({ addKey: 'k' })).addKeyHash).toEqual(requestHash);
      expect(await store.findAddKey(userId, 'k', 1000)).toEqual(requestHash);
      expect(await store.findAddKey(userId, 'other', 1000)).toBeUndefined();
      expect(await store.findAddKey(userId + 1_000_000n, 'k', 1000)).toBeUndefined();
      await advance(900_000);
      await write({ addKey: { text: 'young', requestHash } });
      await advance(200_000);
      await store.deleteOldKeys(1_000_000, 100);
      expect((await look({ addKey: 'k' })).addKeyHash).toBeUndefined();
      expect((await look({ addKey: 'young' })).addKeyHash).toEqual(requestHash);
    });

    test('deletes no more old keys at once than the limit says, and counts them', async () => {
      const { store, write, advance, deleteAllOldKeys } = await setUp();
      const requestHash = Buffer.from('a');
      await advance(100_000_000);
      await deleteAllOldKeys();
      for (const text of ['a', 'b', 'c']) await write({ addKey: { text, requestHash } });
      await advance(100_000_000);
      expect(await store.deleteOldKeys(1_000_000, 2)).toBe(2);
      expect(await store.deleteOldKeys(1_000_000, 2)).toBe(1);
      expect(await store.deleteOldKeys(1_000_000, 2)).toBe(0);
    });

    test('freezes the cart as it is; what changes later leaves the frozen lines alone', async () => {
      const { store, userId, look, put, freeze, write } = await setUp();
      await put(line(1, 2));
      await put(line(3, 4));
      const { lines } = await look();
      const { id } = await freeze();
      await write({ removedLineIds: lines.map((each) => each.id) });
      const { open, named } = await look({ checkoutId: id });
      expect(open).toMatchObject({ id, userId, state: 'open', closedAt: null, orderId: null, refusal: null, lines });
      expect(named).toEqual(open as NonNullable<typeof open>);
      expect(await store.findOwner(id)).toBe(userId);
      expect(await store.findOwner(newId())).toBeUndefined();
    });

    test('decide_before is a minute behind the freeze, by the business clock', async () => {
      const { look, put, freeze, advance } = await setUp();
      await put(line(1, 2));
      await freeze();
      await advance(59_000);
      const before = await look();
      await advance(1_000);
      const after = await look();
      const leftMs = ({ open, moment }: Cart) => (open?.decideBefore.getTime() ?? 0) - moment.getTime();
      expect(leftMs(before)).toBeGreaterThan(0);
      expect(leftMs(after)).toBeLessThanOrEqual(0);
    });

    test('presses join with their keys, and each key finds the checkout when it is done', async () => {
      const { look, put, freeze, pressWith, order } = await setUp();
      await put(line(1, 2));
      const { id } = await freeze('first');
      expect(await pressWith('second')).toMatchObject({ kind: 'ask', checkout: { id } });
      expect((await look({ checkoutKey: 'second' })).keyed?.id).toBe(id);
      await order(id, 77n);
      await put(line(1, 2));
      for (const key of ['first', 'second']) expect(await pressWith(key)).toEqual({ kind: 'ordered', orderId: 77n });
      expect((await look({ checkoutKey: 'third' })).keyed).toBeUndefined();
    });

    test('done: only the frozen counts leave the cart, from the frozen lines', async () => {
      const { look, put, write, freeze, order, contents } = await setUp();
      for (const sku of [1, 2, 3]) await put(line(sku, 2));
      const { id } = await freeze();
      const [, two, three] = (await look()).lines as [CartLine, CartLine, CartLine];
      await write({ changedLines: [{ ...two, count: 5 }], removedLineIds: [three.id] });
      await put(line(3, 2));
      await put(line(4, 1));
      await order(id, 77n);
      expect(await contents()).toEqual([
        [2, 3],
        [3, 2],
        [4, 1],
      ]);
      expect((await look()).open).toBeUndefined();
    });

    test('it closes once: who comes second reads how', async () => {
      const { put, freeze, order, refuse, look } = await setUp();
      await put(line(1, 2));
      const { id } = await freeze();
      const [first, second] = await Promise.all([order(id, 77n), order(id, 77n)]);
      const third = await refuse(id);
      expect([first, second, third].map((closing) => closing?.checkout.orderId)).toEqual([77n, 77n, 77n]);
      expect(third?.isContradicted).toBe(true);
      expect((await look({ checkoutId: id })).named).toMatchObject({ state: 'done', orderId: 77n });
    });

    test('refused: nothing leaves the cart, the keys are given back, and the next press is a new checkout', async () => {
      const { put, freeze, pressWith, refuse, contents, look } = await setUp();
      await put(line(1, 2));
      const { id } = await freeze('k');
      const closing = await refuse(id);
      expect(closing?.checkout.refusal).toMatchObject({ reason: 'CHECKOUT_CONFLICT', values: { checkoutId: id } });
      expect((await look({ checkoutId: id })).named).toEqual(closing?.checkout);
      expect(await contents()).toEqual([[1, 2]]);
      const again = await pressWith('k');
      expect(again.kind === 'ask' && again.checkout.id).not.toBe(id);
    });

    test('an empty cart knows its last order for ten minutes, and a key that asked finds it ever after', async () => {
      const { put, freeze, order, pressWith, advance } = await setUp();
      for (const orderId of [77n, 78n]) {
        await put(line(1, 2));
        await order((await freeze()).id, orderId);
        await advance(1000);
      }
      expect(await pressWith('k')).toEqual({ kind: 'empty', lastOrderId: 78n });
      await advance(700_000);
      expect(await pressWith()).toEqual({ kind: 'empty', lastOrderId: undefined });
      expect(await pressWith('k')).toEqual({ kind: 'ordered', orderId: 78n });
    });

    test('a checkout is claimed when its claim has ended, by one at a time', async () => {
      const { store, put, freeze, pass } = await setUp();
      await put(line(1, 2));
      const { id } = await freeze(undefined, 40);
      const claim = async () => (await store.claimOpen(1000, 40)).filter(({ checkout }) => checkout.id === id);
      expect(await claim()).toEqual([]);
      await pass(60);
      const [first, second] = await Promise.all([claim(), claim()]);
      expect([...first, ...second]).toHaveLength(1);
      expect([...first, ...second][0]).toMatchObject({ checkout: { state: 'open', lines: [{ sku: 1, count: 2 }] } });
      await pass(60);
      expect(await claim()).toHaveLength(1);
    });

    test('a press holds the claim on, and never shortens it', async () => {
      const { store, put, freeze, pressWith, pass } = await setUp();
      await put(line(1, 2));
      const { id } = await freeze(undefined, 40);
      await pressWith(undefined, 60_000);
      await pressWith(undefined, 10);
      await pass(60);
      const claimed = await store.claimOpen(1000, 40);
      expect(claimed.map(({ checkout }) => checkout.id)).not.toContain(id);
    });

    test('a closed checkout is not claimed, and the limit of a claim holds', async () => {
      const { store, put, freeze, order, pass } = await setUp();
      const others = [await setUp(), await setUp()];
      for (const other of others) {
        await other.put(line(1, 1));
        await other.freeze(undefined, 1);
      }
      await put(line(1, 2));
      const { id } = await freeze(undefined, 1);
      await order(id, 77n);
      await pass(20);
      const claimed = await store.claimOpen(1, 60_000);
      expect(claimed.length).toBeLessThanOrEqual(1);
      expect((await store.claimOpen(1000, 60_000)).map(({ checkout }) => checkout.id)).not.toContain(id);
    });

    test('a key that a refused checkout gave back is as young as its next use', async () => {
      const { put, freeze, pressWith, refuse, order, look, advance, deleteAllOldKeys } = await setUp();
      await put(line(1, 2));
      await refuse((await freeze('k')).id);
      await advance(900_000);
      const again = await pressWith('k');
      const id = again.kind === 'ask' ? again.checkout.id : '';
      await order(id, 77n);
      await advance(500_000);
      await deleteAllOldKeys();
      expect((await look({ checkoutKey: 'k' })).keyed?.id).toBe(id);
    });

    test('keys of checkouts grow old too', async () => {
      const { put, freeze, order, look, advance, deleteAllOldKeys } = await setUp();
      await put(line(1, 2));
      const { id } = await freeze('k');
      await order(id, 77n);
      await advance(2_000_000);
      await deleteAllOldKeys();
      expect((await look({ checkoutKey: 'k' })).keyed).toBeUndefined();
    });
  });
}
