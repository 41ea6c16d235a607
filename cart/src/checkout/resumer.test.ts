import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';

import { type CheckoutWorld, PENDING, createCheckoutWorld, resume } from '../testing/checkout-world.ts';
import { clientOf, createFakeLoms, transportError } from '../testing/fake-loms.ts';

const unavailable = () => Promise.reject(transportError(Code.UNAVAILABLE));

describe('a checkout that is interrupted between the freeze and the closing', () => {
  const loseDatabase = () => {
    throw new AppError('unavailable', 'the database does not answer');
  };
  const interruptions: Record<string, (world: CheckoutWorld) => void> = {
    'before loms is asked': ({ loms }) => (loms.onCreate = unavailable),
    'after loms decided': ({ loms }) => {
      loms.onCreate = async (proceed) => {
        await proceed();
        throw transportError(Code.UNAVAILABLE);
      };
    },
    'before the closing is written': ({ faults }) => (faults.beforeClose = loseDatabase),
    'after the closing was written, when its answer is lost': ({ faults }) => (faults.afterClose = loseDatabase),
  };
  const finishers: Record<string, (world: CheckoutWorld) => Promise<unknown>> = {
    'the resumer': (world) => resume(world),
    'the next press': (world) => world.press(),
    'both together': (world) => Promise.all([world.press(), world.press('other'), resume(world)]),
  };
  for (const [when, interrupt] of Object.entries(interruptions)) {
    for (const [who, finish] of Object.entries(finishers)) {
      test(`${when}, is finished by ${who} with one order, and exactly the ordered counts leave the cart`, async () => {
        const world = createCheckoutWorld();
        await world.fill();
        interrupt(world);
        expect(await world.press('k')).toBe(PENDING);
        await world.put(3, 4);
        world.loms.onCreate = (proceed) => proceed();
        Object.assign(world.faults, { beforeClose: () => {}, afterClose: () => {} });
        // When only the answer of the closing was lost, the checkout is closed, and nobody has to finish it.
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
        expect(world.watched.filter((each) => each.startsWith('alarm'))).toEqual([]);
      });
    }
  }

  test('a bug while closing is thrown as it is, and not answered as pending', async () => {
    const world = createCheckoutWorld();
    await world.fill();
    world.faults.beforeClose = () => {
      throw new TypeError('a bug');
    };
    await expect(world.press()).rejects.toThrow(TypeError);
  });
});

describe('when loms is away until after decide_before', () => {
  test('the checkout ends refused, no order appears later, and the cart keeps its lines', async () => {
    const world = createCheckoutWorld();
    const { loms } = world;
    await world.fill();
    loms.onCreate = unavailable;
    expect(await world.press('k')).toBe(PENDING);
    const [original] = loms.requests;
    if (original === undefined) throw new Error('loms was not asked');
    expect((await resume(world, 70_000)).length).toBeGreaterThan(0);
    loms.onCreate = (proceed) => proceed();
    await resume(world);
    expect(await world.findCheckout(original.checkoutId)).toMatchObject({ state: 'refused', orderId: 1n });
    expect(await world.contents()).toEqual([
      [1, 2],
      [2, 3],
    ]);
    // The original request arrives late.
    await expect(loms.orderCreate(original)).rejects.toThrow('too late');
    expect(loms.orders).toHaveLength(1);
    expect(await world.press('k')).toBe('2');
  });

  test('loms is asked with the lines before that moment, and without them from then on', async () => {
    const world = createCheckoutWorld();
    const { loms, clock } = world;
    await world.fill();
    loms.onCreate = unavailable;
    await world.press();
    await clock.advance(59_999);
    await world.press();
    await clock.advance(1);
    loms.onCreate = (proceed) => proceed();
    expect(await world.press()).toBe('failed-precondition CHECKOUT_EXPIRED 1');
    const [first, ...others] = loms.requests;
    expect(loms.requests.map(({ items }) => items.length)).toEqual([2, 2, 0]);
    for (const { user, checkoutId, decideBefore } of others) {
      expect([user, checkoutId, decideBefore]).toEqual([first?.user, first?.checkoutId, first?.decideBefore] as never);
    }
  });

  test('the checkout stays open while the clock of loms is behind, until loms says that it is over', async () => {
    const world = createCheckoutWorld();
    const { clock } = world;
    await world.fill();
    const slowLoms = createFakeLoms(() => clock.nowMs() - 10_000);
    world.loms.onCreate = (_, request) =>
      request.items.length > 0 ? unavailable() : clientOf(slowLoms).orderCreate(request, {});
    await world.press();
    await clock.advance(60_000);
    expect(await world.press()).toBe(PENDING);
    await clock.advance(10_000);
    expect(await world.press()).toBe('failed-precondition CHECKOUT_EXPIRED 1');
  });

  test('an order that was made just in time is found', async () => {
    const world = createCheckoutWorld();
    await world.fill();
    world.loms.onCreate = async (proceed) => {
      await proceed();
      throw transportError(Code.UNAVAILABLE);
    };
    await world.press();
    await world.clock.advance(60_000);
    world.loms.onCreate = (proceed) => proceed();
    expect(await world.press()).toBe('1');
    expect(await world.contents()).toEqual([]);
  });
});

describe('the resumer', () => {
  async function leaveOpen(world: CheckoutWorld): Promise<void> {
    await world.fill();
    world.loms.onCreate = unavailable;
    await world.press();
    world.loms.onCreate = (proceed) => proceed();
  }

  test("leaves a checkout to its live caller until one second after the caller's deadline", async () => {
    const world = createCheckoutWorld();
    await leaveOpen(world);
    await resume(world, 5_900);
    expect(world.loms.orders).toHaveLength(0);
    await resume(world, 1_000);
    expect(world.loms.orders).toHaveLength(1);
  });

  test('makes one order together with a second resumer and a press', async () => {
    const world = createCheckoutWorld();
    await leaveOpen(world);
    await world.clock.advance(10_000);
    await Promise.all([resume(world, 1000), resume(world, 1000), world.press()]);
    expect(world.loms.orders).toHaveLength(1);
    expect(await world.contents()).toEqual([]);
  });

  test('reports the checkouts that it could not finish, and retries them', async () => {
    const world = createCheckoutWorld();
    await leaveOpen(world);
    world.loms.onCreate = unavailable;
    const failures = await resume(world, 20_000);
    expect(failures.length).toBeGreaterThanOrEqual(2);
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(AppError);
      expect(failure).toMatchObject({
        message: expect.stringMatching(/^checkout [\da-f-]{36} could not be finished and will be retried$/),
        cause: { reason: 'CHECKOUT_PENDING' },
      });
    }
  });

  test('goes on without a pause when there are more checkouts than it may claim at once', async () => {
    const world = createCheckoutWorld();
    const { loms, clock } = world;
    loms.onCreate = unavailable;
    for (let userId = 100n; userId < 110n; userId += 1n) {
      await world.put(1, 1, userId);
      await world.press(undefined, userId, 0);
    }
    loms.onCreate = (proceed) => proceed();
    await clock.advance(1_001);
    await resume(world, 0);
    expect(loms.orders).toHaveLength(10);
  });
});
