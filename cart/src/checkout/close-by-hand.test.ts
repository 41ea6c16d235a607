import { describe, expect, test } from 'bun:test';

import type { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';

import { type CheckoutWorld, createCheckoutWorld } from '../testing/checkout-world.ts';
import { transportError } from '../testing/fake-loms.ts';
import { newId } from '../testing/fixtures.ts';
import { closeByHand } from './close-by-hand.ts';

describe('closing by hand', () => {
  /** Presses while loms is away. Returns the id of the checkout, which stays open. */
  async function leaveOpen({ fill, press, loms }: CheckoutWorld): Promise<string> {
    await fill();
    loms.onCreate = () => Promise.reject(transportError(Code.UNAVAILABLE));
    await press();
    loms.onCreate = (proceed) => proceed();
    return loms.requests[0]?.checkoutId ?? '';
  }

  const close = (world: CheckoutWorld, checkoutId: string, isAbandoned: boolean) => {
    const command = { checkoutId, reason: 'a test', isAbandoned };
    return closeByHand(world, command, { deadlineMs: world.clock.nowMs() + 5000 });
  };

  test('asks loms first, and never makes an order', async () => {
    const world = createCheckoutWorld();
    const checkoutId = await leaveOpen(world);
    const closing = close(world, checkoutId, false);
    expect(await closing.catch((error: AppError) => error.reason)).toBe('CHECKOUT_PENDING');
    expect(world.loms.orders).toHaveLength(0);
    await world.clock.advance(60_000);
    const closed = await close(world, checkoutId, false);
    expect(closed).toMatchObject({ state: 'refused', orderId: 1n, refusal: { reason: 'CHECKOUT_EXPIRED' } });
    expect(await close(world, checkoutId, false)).toEqual(closed);
  });

  test('closes the checkout without an answer of loms only when it is abandoned', async () => {
    const world = createCheckoutWorld();
    const checkoutId = await leaveOpen(world);
    const closed = await close(world, checkoutId, true);
    expect(closed).toMatchObject({ state: 'refused', orderId: null, refusal: { reason: 'CHECKOUT_ABANDONED' } });
    expect(await world.press()).toBe('1');
  });

  test('an order that turns up after the checkout was abandoned raises an alarm', async () => {
    const world = createCheckoutWorld();
    const checkoutId = await leaveOpen(world);
    const abandoned = Promise.withResolvers<void>();
    world.loms.onCreate = async (proceed) => {
      const answer = await proceed();
      await abandoned.promise;
      return answer;
    };
    const joined = world.press();
    await world.clock.advance(0);
    world.loms.onCreate = () => Promise.reject(transportError(Code.UNAVAILABLE));
    await close(world, checkoutId, true);
    abandoned.resolve();
    expect(await joined).toBe('unavailable CHECKOUT_ABANDONED');
    expect(world.watched).toContain('alarm: contradicted');
  });

  test('an unknown checkout is not found', async () => {
    const closing = close(createCheckoutWorld(), newId(), true);
    expect(await closing.catch((error: AppError) => error.reason)).toBe('UNKNOWN_CHECKOUT');
  });
});
