import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';

import { PENDING, type World, fail, outcomeOf, resume, setUpCheckouts } from '../testing/checkout-fixtures.ts';
import { clientOf, createFakeLoms, line } from '../testing/fixtures.ts';

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
        const world = setUpCheckouts();
        await world.fill();
        stop(world);
        expect(await world.press('k')).toBe(PENDING);
        await world.put(3, 4);
        world.loms.onCreate = (proceed) => proceed();
        Object.assign(world.faults, { beforeClose: () => {}, afterClose: () => {} });
        const isClosed = (await world.contents()).length === 1;
        if (!isClosed) await finish(world);
        expect(world.loms.orders.map(({ lines }) => lines)).toEqual([
          [
            [1, 2],
            [2, 3],
          ],
        ]);
        expect(await world.contents()).toEqual([[3, 4]]);
        expect(await world.press('k')).toBe('1');
        expect(world.seen.filter((each) => each.startsWith('alarm'))).toEqual([]);
      });
    }
  }

  test('a bug while closing is no expected failure', async () => {
    const world = setUpCheckouts();
    await world.fill();
    world.faults.beforeClose = () => {
      throw new TypeError('a bug');
    };
    await expect(world.press()).rejects.toThrow(TypeError);
  });
});

describe('loms away past decide_before', () => {
  test('the checkout ends refused, no order appears later, the cart still holds its lines', async () => {
    const world = setUpCheckouts();
    const { loms, clock } = world;
    await world.fill();
    loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    expect(await world.press('k')).toBe(PENDING);
    const [original] = loms.requests;
    expect((await resume(world, 70_000)).length).toBeGreaterThan(0);
    loms.onCreate = (proceed) => proceed();
    await resume(world);
    expect(await world.look(original?.checkoutId ?? '')).toMatchObject({ state: 'refused', orderId: 1n });
    expect(await world.contents()).toEqual([
      [1, 2],
      [2, 3],
    ]);
    // The original arrives late.
    await expect(loms.orderCreate(original as NonNullable<typeof original>)).rejects.toThrow('too late');
    expect(loms.orders).toHaveLength(1);
    expect(await world.press('k')).toBe('2');
    expect(clock.nowMs()).toBeGreaterThan(0);
  });

  test('a press at that moment asks without the lines, and is told', async () => {
    const world = setUpCheckouts();
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
    const world = setUpCheckouts();
    const { clock } = world;
    await world.fill();
    const behind = createFakeLoms(() => clock.nowMs() - 10_000);
    world.loms.onCreate = (_, request) =>
      request.items.length > 0 ? Promise.reject(fail(Code.UNAVAILABLE)) : clientOf(behind).orderCreate(request, {});
    await world.press();
    await clock.advance(60_000);
    expect(await world.press()).toBe(PENDING);
    await clock.advance(10_000);
    expect(await world.press()).toBe('failed-precondition CHECKOUT_EXPIRED 1');
  });

  test('an order that was made just in time is found', async () => {
    const world = setUpCheckouts();
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
    const world = setUpCheckouts();
    await leaveOpen(world);
    await resume(world, 5_900);
    expect(world.loms.orders).toHaveLength(0);
    await resume(world, 1_000);
    expect(world.loms.orders).toHaveLength(1);
  });

  test('two at once and a press make one order', async () => {
    const world = setUpCheckouts();
    await leaveOpen(world);
    await world.clock.advance(10_000);
    await Promise.all([resume(world, 1000), resume(world, 1000), world.press()]);
    expect(world.loms.orders).toHaveLength(1);
    expect(await world.contents()).toEqual([]);
  });

  test('reports what it could not end, and comes again', async () => {
    const world = setUpCheckouts();
    await leaveOpen(world);
    world.loms.onCreate = () => Promise.reject(fail(Code.UNAVAILABLE));
    const failures = await resume(world, 20_000);
    expect(failures.length).toBeGreaterThanOrEqual(2);
    expect(failures.every((error) => error instanceof AppError && error.reason === 'CHECKOUT_PENDING')).toBe(true);
  });

  test('works off more than it may claim at once without a pause', async () => {
    const world = setUpCheckouts();
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
