import { describe, expect, test } from 'bun:test';

import type { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';
import type { FakeClock } from '@tally/platform/testing';

import { closeByHand } from './close-by-hand.ts';
import { type World, fail, setUpCheckouts } from '../testing/checkout-fixtures.ts';
import { newId } from '../testing/fixtures.ts';

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
    const world = setUpCheckouts();
    const checkoutId = await open(world);
    const close = () => closeByHand(world, { checkoutId, why, isAbandoned: false }, options(world.clock));
    expect(await close().catch((error: AppError) => error.reason)).toBe('CHECKOUT_PENDING');
    expect(world.loms.orders).toHaveLength(0);
    await world.clock.advance(60_000);
    expect(await close()).toMatchObject({ state: 'refused', orderId: 1n, refusal: { reason: 'CHECKOUT_EXPIRED' } });
    expect(await close()).toMatchObject({ state: 'refused' });
  });

  test('closes it without an answer where it is told to', async () => {
    const world = setUpCheckouts();
    const checkoutId = await open(world);
    const closed = await closeByHand(world, { checkoutId, why, isAbandoned: true }, options(world.clock));
    expect(closed).toMatchObject({ state: 'refused', orderId: null, refusal: { reason: 'CHECKOUT_ABANDONED' } });
    expect(await world.press()).toBe('1');
  });

  test('an order that shows up behind it raises an alarm', async () => {
    const world = setUpCheckouts();
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
    const world = setUpCheckouts();
    const closing = closeByHand(world, { checkoutId: newId(), why, isAbandoned: true }, options(world.clock));
    expect(await closing.catch((error: AppError) => error.reason)).toBe('UNKNOWN_CHECKOUT');
  });
});
