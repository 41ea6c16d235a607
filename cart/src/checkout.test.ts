import { describe, expect, test } from 'bun:test';

import { sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { Code, RpcError } from '@tally/platform/grpc';
import { type FakeClock, createFakeClock } from '@tally/platform/testing';

import { type Checkout, clear, unchanged } from './cart.ts';
import { createCheckouts } from './checkout.ts';
import { closeByHand } from './checkout-close.ts';
import { USER, clientOf, createFakeLoms, line, newId } from './fixtures.ts';
import { createOrders } from './orders.ts';
import { startResumer } from './resumer.ts';
import type { Store } from './store.ts';
import { createMemoryStore } from './store-memory.ts';

/** A cart of 2 units of sku 1 and 3 of sku 2, a loms with 10 of each, and presses as they come over the wire. */
function setUp() {
  const clock = createFakeClock();
  const memory = createMemoryStore({ clock });
  const loms = createFakeLoms(clock.nowMs);
  const limits = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
  const faults = { beforeClose: () => {}, afterClose: () => {} };
  const store: Store = {
    ...memory,
    async update(userId, wanted, decide, updateLimits) {
      const isClosing = wanted.checkoutId !== undefined;
      if (isClosing) faults.beforeClose();
      const answer = await memory.update(userId, wanted, decide, updateLimits);
      if (isClosing) faults.afterClose();
      return answer;
    },
  };
  const seen: string[] = [];
  const watch = { outcome: (kind: string) => seen.push(kind), alarm: (kind: string) => seen.push(`alarm: ${kind}`) };
  const deps = { store, orders: createOrders(clientOf(loms)), clock, watch };
  const checkouts = createCheckouts({ ...deps, newId });
  for (const sku of [1, 2]) loms.stock.set(sku, 10);

  const put = (sku: number, count: number) =>
    memory.update(USER, {}, () => ({ changes: { addedLine: line(sku, count) }, answer: undefined }), limits);
  const fill = async () => {
    await put(1, 2);
    await put(2, 3);
  };
  const press = (key?: string) => outcomeOf(checkouts.press({ userId: USER, key }, { deadlineMs: clock.nowMs() + 5000 }));
  const contents = async () => (await memory.findLines(USER, 0)).map(({ sku, count }) => [sku, count]);
  const empty = () => memory.update(USER, {}, clear, limits);
  const look = (checkoutId: string): Promise<Checkout | undefined> =>
    memory.update(USER, { checkoutId }, ({ named }) => unchanged(named), limits);
  return { ...deps, clock, loms, faults, seen, checkouts, put, fill, press, contents, empty, look };
}

async function outcomeOf(call: Promise<bigint>): Promise<string> {
  try {
    return String(await call);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { orderId, lastOrderId } = error.values;
    return [error.kind, error.reason, orderId ?? lastOrderId].filter(Boolean).join(' ');
  }
}

type World = ReturnType<typeof setUp>;

/** Runs the resumer for a while, behind every claim. */
async function resume({ clock, store, orders, watch }: World, ms = 10_000): Promise<unknown[]> {
  const failures: unknown[] = [];
  const onError = (error: unknown) => failures.push(error);
  const resumer = startResumer({ clock, store, orders, watch, random: () => 0.5, onError }, { intervalMs: 500, maxCheckouts: 4 });
  await clock.advance(ms);
  await Promise.all([resumer[Symbol.asyncDispose](), clock.advance(0)]);
  return failures;
}

const fail = (code: Code) => new RpcError({ code, message: 'as told' });
const PENDING = 'unavailable CHECKOUT_PENDING';

describe('a press', () => {
  test('makes one order of what the cart holds, and empties it', async () => {
    const { fill, press, contents, loms, seen } = setUp();
    await fill();
    expect(await press()).toBe('1');
    expect(await contents()).toEqual([]);
    expect(loms.orders[0]?.lines).toEqual([[1, 2], [2, 3]]);
    expect(seen).toEqual(['ordered']);
  });

  test('of an empty cart is refused, with its last order for ten minutes', async () => {
    const { fill, press, clock } = setUp();
    expect(await press()).toBe('failed-precondition EMPTY_CART');
    await fill();
    await press();
    expect(await press()).toBe('failed-precondition EMPTY_CART 1');
    await clock.advance(600_000);
    expect(await press()).toBe('failed-precondition EMPTY_CART');
  });

  test('that is short is refused, names the failed order, and leaves the cart', async () => {
    const { fill, press, contents, loms } = setUp();
    await fill();
    loms.stock.set(2, 1);
    expect(await press('k')).toBe('failed-precondition INSUFFICIENT_STOCK 1');
    expect(await contents()).toEqual([[1, 2], [2, 3]]);
    loms.stock.set(2, 5);
    expect(await press('k')).toBe('2');
  });

  test('twenty at once make one order, and all callers hear of it', async () => {
    const { fill, press, loms, clock } = setUp();
    await fill();
    loms.onCreate = async (proceed) => {
      await sleep(clock, 50);
      return proceed();
    };
    const all = Array.from({ length: 20 }, (_, i) => press(`key ${i}`));
    await clock.advance(100);
    expect(new Set(await Promise.all(all))).toEqual(new Set(['1']));
    expect(loms.orders).toHaveLength(1);
    expect(new Set(loms.requests.map(({ checkoutId }) => checkoutId)).size).toBe(1);
  });

  test('each key finds its order ever after, also when the cart was filled again', async () => {
    const { fill, press, loms, clock } = setUp();
    await fill();
    loms.onCreate = async (proceed) => {
      await sleep(clock, 50);
      return proceed();
    };
    const both = [press('a'), press('b')];
    await clock.advance(100);
    await Promise.all(both);
    expect(await press('c')).toBe('failed-precondition EMPTY_CART 1');
    await fill();
    await clock.advance(3_600_000);
    for (const key of ['a', 'b', 'c']) expect(await press(key)).toBe('1');
    const next = press('d');
    await clock.advance(100);
    expect(await next).toBe('2');
  });

  test('leaves what was added, removed and added again meanwhile as it is', async () => {
    const { fill, put, empty, press, contents, loms } = setUp();
    await fill();
    loms.onCreate = async (proceed) => {
      await empty();
      await put(1, 7);
      await put(3, 1);
      return proceed();
    };
    expect(await press()).toBe('1');
    expect(loms.orders[0]?.lines).toEqual([[1, 2], [2, 3]]);
    expect(await contents()).toEqual([[1, 7], [3, 1]]);
  });

  test('whose id a stranger used is refused with an alarm, and the next one is a new checkout', async () => {
    const { fill, press, contents, loms, seen, look } = setUp();
    await fill();
    loms.onCreate = (proceed, { checkoutId }) => {
      if (loms.orders.length > 0) return proceed();
      loms.orders.push({ id: 1n, userId: 99n, checkoutId, lines: [[5, 1]], refusal: undefined });
      return proceed();
    };
    expect(await press('k')).toBe('unavailable CHECKOUT_CONFLICT');
    expect(seen).toEqual(['taken', 'alarm: taken']);
    expect(await look(loms.requests[0]?.checkoutId ?? '')).toMatchObject({ state: 'refused', orderId: null });
    expect(await contents()).toEqual([[1, 2], [2, 3]]);
    expect(await press('k')).toBe('2');
  });

  test('that is being finished is waited for at the end, its caller gone or not', async () => {
    const { fill, press, checkouts, loms, clock } = setUp();
    await fill();
    loms.onCreate = async (proceed) => {
      await sleep(clock, 50);
      return proceed();
    };
    void press();
    let hasEnded = false;
    const ended = checkouts[Symbol.asyncDispose]().then(() => (hasEnded = true));
    await clock.advance(49);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    await ended;
    expect(loms.orders).toHaveLength(1);
  });
});

describe('what does not end a checkout', () => {
  const codes = Object.values(Code).filter((code): code is Code => typeof code === 'number' && code !== Code.OK);
  const loms = (code: Code, reason: string) => new RpcError({ code, message: 'as told', domain: 'loms', reason });
  const failures: [string, RpcError, string][] = [
    ...codes.map((code): [string, RpcError, string] => [`${Code[code]} of the transport`, fail(code), PENDING]),
    ['QUEUE_FULL', loms(Code.RESOURCE_EXHAUSTED, 'QUEUE_FULL'), 'resource-exhausted CHECKOUT_PENDING'],
    ['INVALID_ARGUMENT of loms', loms(Code.INVALID_ARGUMENT, 'INVALID_REQUEST'), PENDING],
    ['INTERNAL of loms', loms(Code.INTERNAL, 'INTERNAL'), PENDING],
    ['LINE_TOO_LARGE', loms(Code.FAILED_PRECONDITION, 'LINE_TOO_LARGE'), PENDING],
    ['UNAVAILABLE of loms', loms(Code.UNAVAILABLE, 'NOT_DECIDED'), PENDING],
  ];
  for (const [name, failure, answer] of failures) {
    test(`${name}: it stays open, pressing again joins it, and the resumer ends it with one order`, async () => {
      const world = setUp();
      await world.fill();
      world.loms.onCreate = () => Promise.reject(failure);
      expect(await world.press('k')).toBe(answer);
      expect(await world.press()).toBe(answer);
      const [first, second] = world.loms.requests;
      expect(second?.checkoutId).toBe(first?.checkoutId as string);
      world.loms.onCreate = (proceed) => proceed();
      expect(await resume(world)).toEqual([]);
      expect(world.loms.orders).toHaveLength(1);
      expect(await world.contents()).toEqual([]);
      expect(await world.press('k')).toBe('1');
    });

    test(`${name} for ever, for all that has lines: past the moment it ends without an order`, async () => {
      const world = setUp();
      await world.fill();
      world.loms.onCreate = (proceed, { items }) => (items.length > 0 ? Promise.reject(failure) : proceed());
      expect(await world.press('k')).toBe(answer);
      await resume(world, 70_000);
      expect(world.loms.orders.map(({ refusal, lines }) => [refusal?.reason, lines])).toEqual([['CHECKOUT_EXPIRED', []]]);
      expect(await world.contents()).toEqual([[1, 2], [2, 3]]);
      world.loms.onCreate = (proceed) => proceed();
      expect(await world.press('k')).toBe('2');
    });
  }
});

describe('stopped between freezing and closing', () => {
  const lost = () => {
    throw new AppError('unavailable', 'the database does not answer');
  };
  const stops: Record<string, (world: World) => void> = {
    'before the order was asked for': ({ loms }) => (loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE))),
    'behind the decision of loms': ({ loms }) => {
      loms.onCreate = async (proceed) => {
        await proceed();
        throw fail(Code.UNAVAILABLE);
      };
    },
    'before the closing is written': ({ faults }) => (faults.beforeClose = lost),
    'behind the closing, its answer lost': ({ faults }) => (faults.afterClose = lost),
  };
  for (const [name, stop] of Object.entries(stops)) {
    const others: Record<string, (world: World) => Promise<unknown>> = {
      'the resumer': (world) => resume(world),
      'the next press': (world) => world.press(),
      both: (world) => Promise.all([world.press(), world.press('other'), resume(world)]),
    };
    for (const [who, finish] of Object.entries(others)) {
      test(`${name}: ${who} ends it with one order; exactly the ordered counts are gone`, async () => {
        const world = setUp();
        await world.fill();
        stop(world);
        expect(await world.press('k')).toBe(PENDING);
        await world.put(3, 4);
        world.loms.onCreate = (proceed) => proceed();
        Object.assign(world.faults, { beforeClose: () => {}, afterClose: () => {} });
        const isClosed = (await world.contents()).length === 1;
        if (!isClosed) await finish(world);
        expect(world.loms.orders.map(({ lines }) => lines)).toEqual([[[1, 2], [2, 3]]]);
        expect(await world.contents()).toEqual([[3, 4]]);
        expect(await world.press('k')).toBe('1');
        expect(world.seen.filter((each) => each.startsWith('alarm'))).toEqual([]);
      });
    }
  }

  test('a bug while closing is no expected failure', async () => {
    const world = setUp();
    await world.fill();
    world.faults.beforeClose = () => {
      throw new TypeError('a bug');
    };
    expect(world.press()).rejects.toThrow(TypeError);
  });
});

describe('loms away past decide_before', () => {
  test('the checkout ends refused, no order appears later, the cart still holds its lines', async () => {
    const world = setUp();
    const { loms, clock } = world;
    await world.fill();
    loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    expect(await world.press('k')).toBe(PENDING);
    const [original] = loms.requests;
    expect((await resume(world, 70_000)).length).toBeGreaterThan(0);
    loms.onCreate = (proceed) => proceed();
    await resume(world);
    expect(await world.look(original?.checkoutId ?? '')).toMatchObject({ state: 'refused', orderId: 1n });
    expect(await world.contents()).toEqual([[1, 2], [2, 3]]);
    // The original arrives late.
    expect(loms.orderCreate(original as NonNullable<typeof original>)).rejects.toThrow('too late');
    expect(loms.orders).toHaveLength(1);
    expect(await world.press('k')).toBe('2');
    expect(clock.nowMs()).toBeGreaterThan(0);
  });

  test('a press at that moment asks without the lines, and is told', async () => {
    const world = setUp();
    const { loms, clock } = world;
    await world.fill();
    loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    await world.press();
    await clock.advance(59_999);
    await world.press();
    await clock.advance(1);
    loms.onCreate = (proceed) => proceed();
    expect(await world.press()).toBe('failed-precondition CHECKOUT_EXPIRED 1');
    expect(loms.requests.map(({ items }) => items.length)).toEqual([2, 2, 0]);
  });

  test('where the clock of loms is behind, the checkout stays open until loms says that it is over', async () => {
    const world = setUp();
    const { clock } = world;
    await world.fill();
    const behind = createFakeLoms(() => clock.nowMs() - 10_000);
    world.loms.onCreate = (_, request) =>
      request.items.length > 0 ? Promise.reject(fail(Code.UNAVAILABLE)) : clientOf(behind).orderCreate(request as never, {});
    await world.press();
    await clock.advance(60_000);
    expect(await world.press()).toBe(PENDING);
    await clock.advance(10_000);
    expect(await world.press()).toBe('failed-precondition CHECKOUT_EXPIRED 1');
  });

  test('an order that was made just in time is found', async () => {
    const world = setUp();
    await world.fill();
    world.loms.onCreate = async (proceed) => {
      await proceed();
      throw fail(Code.UNAVAILABLE);
    };
    await world.press();
    await world.clock.advance(60_000);
    world.loms.onCreate = (proceed) => proceed();
    expect(await world.press()).toBe('1');
    expect(await world.contents()).toEqual([]);
  });
});

describe('the resumer', () => {
  async function leaveOpen(world: World): Promise<void> {
    await world.fill();
    world.loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    await world.press();
    world.loms.onCreate = (proceed) => proceed();
  }

  test('leaves a checkout to its live caller until a second behind its deadline', async () => {
    const world = setUp();
    await leaveOpen(world);
    await resume(world, 5_900);
    expect(world.loms.orders).toHaveLength(0);
    await resume(world, 1_000);
    expect(world.loms.orders).toHaveLength(1);
  });

  test('two at once and a press make one order', async () => {
    const world = setUp();
    await leaveOpen(world);
    await world.clock.advance(10_000);
    await Promise.all([resume(world, 1000), resume(world, 1000), world.press()]);
    expect(world.loms.orders).toHaveLength(1);
    expect(await world.contents()).toEqual([]);
  });

  test('reports what it could not end, and comes again', async () => {
    const world = setUp();
    await leaveOpen(world);
    world.loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    const failures = await resume(world, 20_000);
    expect(failures.length).toBeGreaterThanOrEqual(2);
    expect(failures.every((error) => error instanceof AppError && error.reason === 'CHECKOUT_PENDING')).toBe(true);
  });

  test('works off more than it may claim at once without a pause', async () => {
    const world = setUp();
    const { store, loms, clock } = world;
    for (let userId = 100n; userId < 110n; userId += 1n) {
      const limits = { deadlineMs: Number.MAX_SAFE_INTEGER, isRepeatable: true };
      await store.update(userId, {}, () => ({ changes: { addedLine: line(1, 1) }, answer: undefined }), limits);
      loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
      await outcomeOf(world.checkouts.press({ userId, key: undefined }, { deadlineMs: clock.nowMs() }));
    }
    loms.onCreate = (proceed) => proceed();
    await clock.advance(1_001);
    await resume(world, 0);
    expect(loms.orders).toHaveLength(10);
  });
});

describe('closing by hand', () => {
  const why = 'an operator';
  const options = (clock: FakeClock) => ({ deadlineMs: clock.nowMs() + 5000 });
  async function open(world: World): Promise<string> {
    await world.fill();
    world.loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    await world.press();
    world.loms.onCreate = (proceed) => proceed();
    return world.loms.requests[0]?.checkoutId ?? '';
  }

  test('asks loms first, and never makes an order of it', async () => {
    const world = setUp();
    const checkoutId = await open(world);
    const close = () => closeByHand(world, { checkoutId, why, isAbandoned: false }, options(world.clock));
    expect(await close().catch((error: AppError) => error.reason)).toBe('CHECKOUT_PENDING');
    expect(world.loms.orders).toHaveLength(0);
    await world.clock.advance(60_000);
    expect(await close()).toMatchObject({ state: 'refused', orderId: 1n, refusal: { reason: 'CHECKOUT_EXPIRED' } });
    expect(await close()).toMatchObject({ state: 'refused' });
  });

  test('closes it without an answer where it is told to', async () => {
    const world = setUp();
    const checkoutId = await open(world);
    const closed = await closeByHand(world, { checkoutId, why, isAbandoned: true }, options(world.clock));
    expect(closed).toMatchObject({ state: 'refused', orderId: null, refusal: { reason: 'CHECKOUT_ABANDONED' } });
    expect(await world.press()).toBe('1');
  });

  test('an order that shows up behind it raises an alarm', async () => {
    const world = setUp();
    const checkoutId = await open(world);
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    world.loms.onCreate = async (proceed) => {
      const answer = await proceed();
      await held;
      return answer;
    };
    const joined = world.press();
    await world.clock.advance(0);
    world.loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    await closeByHand(world, { checkoutId, why, isAbandoned: true }, options(world.clock));
    release();
    expect(await joined).toBe('unavailable CHECKOUT_ABANDONED');
    expect(world.seen).toContain('alarm: contradicted');
  });

  test('a checkout that nobody knows is not found', async () => {
    const world = setUp();
    const closing = closeByHand(world, { checkoutId: newId(), why, isAbandoned: true }, options(world.clock));
    expect(await closing.catch((error: AppError) => error.reason)).toBe('UNKNOWN_CHECKOUT');
  });
});
