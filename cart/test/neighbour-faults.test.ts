import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { Code } from '@tally/platform/grpc';
import { failureOfCall, outcomeOf, waitUntil, withTimeout } from '@tally/platform/testing';

import { openCartDatabase } from './database.ts';
import { startProcess } from './process.ts';
import { openCart, withKey } from './service.ts';
import { useSurroundings } from './shopper.ts';

const surroundings = useSurroundings();
const { connections, at, ordersOf, checkoutState } = surroundings;

describe('while another service is away', () => {
  test('loms: only calls that need it are UNAVAILABLE, and the checkout is finished once it is back', async () => {
    await using cart = await openCart(connections());
    await at(cart).add(1, 2n);
    await surroundings.loms.stop();
    try {
      expect(await outcomeOf(at(cart).checkout())).toBe('UNAVAILABLE CHECKOUT_PENDING');
      expect(await outcomeOf(at(cart).add(2, 1n))).toBe('UNAVAILABLE DEPENDENCY_UNAVAILABLE');
      expect(await at(cart).contents()).toEqual([[1, 2]]);
      expect(await outcomeOf(at(cart).remove(1))).toBe('OK');
    } finally {
      await surroundings.loms.startAgain();
    }
    const isDone = async () => {
      await surroundings.database.endClaims();
      return (await checkoutState()) === 'done';
    };
    await waitUntil(isDone, { what: 'the checkout is done' });
    expect(ordersOf(surroundings.user).map(({ lines }) => lines)).toEqual([[[1, 2]]]);
    await waitUntil(async () => (await outcomeOf(at(cart).add(2, 1n))) === 'OK', { what: 'adding works again' });
  }, 30_000);

  test('loms, until after decide_before: the checkout is refused for good, and the cart keeps its lines', async () => {
    await using alone = await openCartDatabase();
    await using cart = await openCart(connections(alone.url));
    await at(cart).add(1, 2n);
    await surroundings.loms.stop();
    try {
      expect(await outcomeOf(at(cart).checkout(withKey('k')))).toBe('UNAVAILABLE CHECKOUT_PENDING');
      await alone.advance(60_000);
      surroundings.loms.setClock(60_000);
      await alone.endClaims();
      expect(await outcomeOf(at(cart).checkout(withKey('k')))).toBe('UNAVAILABLE CHECKOUT_PENDING');
    } finally {
      await surroundings.loms.startAgain();
    }
    const isRefused = async () => {
      await alone.endClaims();
      return (await alone.checkoutsOf(surroundings.user))[0]?.state === 'refused';
    };
    await waitUntil(isRefused, { what: 'the checkout is refused' });
    expect(await at(cart).contents()).toEqual([[1, 2]]);
    expect(ordersOf(surroundings.user).map(({ refusal }) => refusal?.reason)).toEqual(['CHECKOUT_EXPIRED']);
    surroundings.loms.setClock(0);
    await alone.advance(-60_000);
    expect(await outcomeOf(at(cart).checkout(withKey('k')))).toBe('OK');
  }, 30_000);

  test('the product service: only calls that need it are UNAVAILABLE, and they work once it is back', async () => {
    await using cart = await openCart(connections());
    await using fresh = await openCart(connections());
    await at(cart).add(1, 2n);
    await surroundings.products.stop();
    try {
      expect(await outcomeOf(at(fresh).add(1, 1n))).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
      expect(await outcomeOf(at(fresh).list())).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
      expect(await outcomeOf(at(fresh).checkout())).toBe('OK');
      expect(await outcomeOf(at(fresh).clear())).toBe('OK');
    } finally {
      await surroundings.products.startAgain();
    }
    await waitUntil(async () => (await outcomeOf(at(fresh).add(1, 1n))) === 'OK', { what: 'adding works again' });
  }, 30_000);
});

describe('cart killed between freezing and closing', () => {
  /** Each step calls `reached` when the checkout is at the point where cart is killed. Resolves with a clean-up. */
  const steps: Record<string, (reached: () => void) => Promise<() => Promise<void>>> = {
    'before loms decides': async (reached) => {
      surroundings.loms.fake.onCreate = () => {
        reached();
        return new Promise(() => {});
      };
      return async () => {};
    },
    'after loms decided': async (reached) => {
      surroundings.loms.fake.onCreate = async (proceed) => {
        await proceed();
        reached();
        return new Promise(() => {});
      };
      return async () => {};
    },
    'with the answer of loms, before it is written': async (reached) => {
      const holder = await surroundings.database.openHolder(surroundings.user);
      surroundings.loms.fake.onCreate = async (proceed) => {
        const answer = await proceed();
        await holder.query('select from carts where user_id = $1 for update', [surroundings.user]);
        setTimeout(reached, 100);
        return answer;
      };
      return () => holder.end();
    },
  };
  for (const [name, prepare] of Object.entries(steps)) {
    test(`${name}: after the restart there is one order, and exactly the ordered units left the cart`, async () => {
      await using cart = await openCart(connections(), { resumeIntervalMs: 60_000 });
      await at(cart).add(1, 2n);
      await at(cart).add(2, 3n);
      await using doomed = await startProcess(connections());
      const { promise, resolve } = Promise.withResolvers<void>();
      const cleanUp = await prepare(resolve);
      const pressed = failureOfCall(at(doomed).checkout(withKey('k', 10_000)));
      await promise;
      await doomed.end('SIGKILL');
      expect((await pressed)?.code).toBe(Code.UNAVAILABLE);
      await cleanUp();
      expect(await checkoutState()).toBe('open');
      surroundings.loms.fake.onCreate = (proceed) => proceed();
      await at(cart).add(1, 5n);
      await at(cart).add(3, 1n);
      await surroundings.database.endClaims();
      await using restarted = await openCart(connections());
      await waitUntil(async () => (await checkoutState()) === 'done', { what: 'the checkout is done' });
      expect(ordersOf(surroundings.user).map(({ lines }) => lines)).toEqual([
        [
          [1, 2],
          [2, 3],
        ],
      ]);
      expect(await at(restarted).contents()).toEqual([
        [1, 5],
        [3, 1],
      ]);
      const { orderID } = await at(restarted).checkout(withKey('k'));
      expect(orderID).toBe(ordersOf(surroundings.user)[0]?.id as bigint);
    }, 30_000);
  }
});

test('with callers and resumers of two instances at the same time every checkout makes one order', async () => {
  await using one = await openCart(connections(), { resumeIntervalMs: 10 });
  await using two = await openCart(connections(), { resumeIntervalMs: 10 });
  surroundings.loms.fake.onCreate = async (proceed) => {
    await Bun.sleep(Math.random() * 30);
    const answer = await proceed();
    await Bun.sleep(Math.random() * 30);
    if (Math.random() < 0.3) throw new AppError('unavailable', 'the answer is lost');
    return answer;
  };
  const users = Array.from({ length: 10 }, (_, i) => surroundings.user + 100_000n + BigInt(i));
  let isOver = false;
  const endClaims = (async () => {
    while (!isOver) {
      await surroundings.database.endClaims();
      await Bun.sleep(5);
    }
  })();
  await Promise.all(
    users.map(async (who) => {
      await one.client.addItem({ user: who, item: { sku: 1, count: 2n } }, withTimeout(10_000));
      const presses = [one, two, one, two].map((cart, i) =>
        failureOfCall(cart.client.checkout({ user: who }, withKey(String(i), 10_000))),
      );
      await Promise.all(presses);
      await waitUntil(
        async () => (await surroundings.database.checkoutsOf(who)).every(({ state }) => state === 'done'),
        {
          what: 'done',
        },
      );
    }),
  );
  isOver = true;
  await endClaims;
  for (const who of users) {
    expect(ordersOf(who)).toHaveLength(1);
    expect(await surroundings.database.checkoutsOf(who)).toMatchObject([
      { state: 'done', order_id: ordersOf(who)[0]?.id },
    ]);
    expect((await one.client.list({ user: who }, withTimeout(5000))).items).toEqual([]);
  }
}, 60_000);
