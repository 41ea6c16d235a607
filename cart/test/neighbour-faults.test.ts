import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { failureOfCall, outcomeOf, waitUntil } from '@tally/platform/testing';

import { openCartDatabase } from './database.ts';
import { startProcess } from './process.ts';
import { openCart, withKey, within } from './service.ts';
import { useStreet } from './shop.ts';

const street = useStreet();
const { around, at, ordersOf, state } = street;

describe('a neighbour away', () => {
  test('loms: what needs it is UNAVAILABLE, the rest works, and the checkout ends when it is back', async () => {
    await using cart = await openCart(around());
    await at(cart).add(1, 2n);
    await street.loms.goAway();
    try {
      expect(await outcomeOf(at(cart).checkout())).toBe('UNAVAILABLE CHECKOUT_PENDING');
      expect(await outcomeOf(at(cart).add(2, 1n))).toBe('UNAVAILABLE DEPENDENCY_UNAVAILABLE');
      expect(await at(cart).contents()).toEqual([[1, 2]]);
      expect(await outcomeOf(cart.client.deleteItem({ user: street.user, sku: 1 }, within(5000)))).toBe('OK');
    } finally {
      await street.loms.comeBack();
    }
    const isDone = async () => {
      await street.database.endClaims();
      return (await state()) === 'done';
    };
    await waitUntil(isDone, { what: 'the checkout is done' });
    expect(ordersOf(street.user).map(({ lines }) => lines)).toEqual([[[1, 2]]]);
    await waitUntil(async () => (await outcomeOf(at(cart).add(2, 1n))) === 'OK', { what: 'adding works again' });
  }, 30_000);

  test('loms, past decide_before: the checkout ends refused, no order appears later, the cart holds its lines', async () => {
    await using alone = await openCartDatabase();
    await using cart = await openCart(around(alone.url));
    await at(cart).add(1, 2n);
    await street.loms.goAway();
    try {
      expect(await outcomeOf(at(cart).checkout(withKey('k')))).toBe('UNAVAILABLE CHECKOUT_PENDING');
      await alone.advance(60_000);
      street.loms.setClock(60_000);
      await alone.endClaims();
      expect(await outcomeOf(at(cart).checkout(withKey('k')))).toBe('UNAVAILABLE CHECKOUT_PENDING');
    } finally {
      await street.loms.comeBack();
    }
    const isRefused = async () => {
      await alone.endClaims();
      return (await alone.checkoutsOf(street.user))[0]?.state === 'refused';
    };
    await waitUntil(isRefused, { what: 'the checkout is refused' });
    expect(await at(cart).contents()).toEqual([[1, 2]]);
    expect(ordersOf(street.user).map(({ refusal }) => refusal?.reason)).toEqual(['CHECKOUT_EXPIRED']);
    street.loms.setClock(0);
    await alone.advance(-60_000);
    expect(await outcomeOf(at(cart).checkout(withKey('k')))).toBe('OK');
  }, 30_000);

  test('the product service: what needs it is UNAVAILABLE, the rest works, and it recovers', async () => {
    await using cart = await openCart(around());
    await using fresh = await openCart(around());
    await at(cart).add(1, 2n);
    await street.products.goAway();
    try {
      expect(await outcomeOf(at(fresh).add(1, 1n))).toBe('UNAVAILABLE PRODUCT_UNAVAILABLE');
      expect(await outcomeOf(fresh.client.list({ user: street.user }, within(5000)))).toBe(
        'UNAVAILABLE PRODUCT_UNAVAILABLE',
      );
      expect(await outcomeOf(at(fresh).checkout())).toBe('OK');
      expect(await outcomeOf(fresh.client.clear({ user: street.user }, within(5000)))).toBe('OK');
    } finally {
      await street.products.comeBack();
    }
    await waitUntil(async () => (await outcomeOf(at(fresh).add(1, 1n))) === 'OK', { what: 'adding works again' });
  }, 30_000);
});

describe('cart killed between freezing and closing', () => {
  /** Resolves when OrderCreate is where the test wants it. */
  const steps: Record<string, (reached: () => void) => Promise<() => Promise<void>>> = {
    'before loms decides': async (reached) => {
      street.loms.fake.onCreate = () => {
        reached();
        return new Promise(() => {});
      };
      return async () => {};
    },
    'behind the decision of loms': async (reached) => {
      street.loms.fake.onCreate = async (proceed) => {
        await proceed();
        reached();
        return new Promise(() => {});
      };
      return async () => {};
    },
    'with the answer, before it is written': async (reached) => {
      const holder = await street.database.openHolder(street.user);
      street.loms.fake.onCreate = async (proceed) => {
        const answer = await proceed();
        await holder.query('select from carts where user_id = $1 for update', [street.user]);
        setTimeout(reached, 100);
        return answer;
      };
      return () => holder.end();
    },
  };
  for (const [name, prepare] of Object.entries(steps)) {
    test(`${name}: after the restart it is one order, exactly the ordered counts are gone`, async () => {
      await using cart = await openCart(around(), { resumeIntervalMs: 60_000 });
      await at(cart).add(1, 2n);
      await at(cart).add(2, 3n);
      await using doomed = await startProcess(around());
      const { promise, resolve } = Promise.withResolvers<void>();
      const cleanUp = await prepare(resolve);
      const pressed = failureOfCall(at(doomed).checkout(withKey('k', 10_000)));
      await promise;
      await doomed.end('SIGKILL');
      expect((await pressed)?.code).toBe(14);
      await cleanUp();
      expect(await state()).toBe('open');
      street.loms.fake.onCreate = (proceed) => proceed();
      await at(cart).add(1, 5n);
      await at(cart).add(3, 1n);
      await street.database.endClaims();
      await using restarted = await openCart(around());
      await waitUntil(async () => (await state()) === 'done', { what: 'the checkout is done' });
      expect(ordersOf(street.user).map(({ lines }) => lines)).toEqual([
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
      expect(orderID).toBe(ordersOf(street.user)[0]?.id as bigint);
    }, 30_000);
  }
});

test('live callers and resumers of two instances at once: every checkout is one order', async () => {
  await using one = await openCart(around(), { resumeIntervalMs: 10 });
  await using two = await openCart(around(), { resumeIntervalMs: 10 });
  street.loms.fake.onCreate = async (proceed) => {
    await Bun.sleep(Math.random() * 30);
    const answer = await proceed();
    await Bun.sleep(Math.random() * 30);
    if (Math.random() < 0.3) throw new AppError('unavailable', 'the answer is lost');
    return answer;
  };
  const users = Array.from({ length: 10 }, (_, i) => street.user + 100_000n + BigInt(i));
  let isOver = false;
  const steal = (async () => {
    while (!isOver) {
      await street.database.endClaims();
      await Bun.sleep(5);
    }
  })();
  await Promise.all(
    users.map(async (who) => {
      await one.client.addItem({ user: who, item: { sku: 1, count: 2n } }, within(10_000));
      const presses = [one, two, one, two].map((cart, i) =>
        failureOfCall(cart.client.checkout({ user: who }, withKey(String(i), 10_000))),
      );
      await Promise.all(presses);
      await waitUntil(async () => (await street.database.checkoutsOf(who)).every(({ state }) => state === 'done'), {
        what: 'done',
      });
    }),
  );
  isOver = true;
  await steal;
  for (const who of users) {
    expect(ordersOf(who)).toHaveLength(1);
    expect(await street.database.checkoutsOf(who)).toMatchObject([{ state: 'done', order_id: ordersOf(who)[0]?.id }]);
    expect((await one.client.list({ user: who }, within(5000))).items).toEqual([]);
  }
}, 60_000);
