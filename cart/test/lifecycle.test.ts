import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { failureOfCall, outcomeOf, waitUntil, withTimeout } from '@tally/platform/testing';

import { run, startProcess } from './process.ts';
import { openCart } from './service.ts';
import { useSurroundings } from './shopper.ts';

const surroundings = useSurroundings();
const { connections, at, checkoutState } = surroundings;

describe('stopping the service', () => {
  test('finishes calls in flight, refuses new ones, and ends within the drain limit', async () => {
    const cart = await openCart(connections());
    await at(cart).add(1, 2n);
    surroundings.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const inFlight = outcomeOf(at(cart).checkout());
    await waitUntil(async () => (await checkoutState()) === 'open', { what: 'the cart is frozen' });
    const startedMs = performance.now();
    const stopped = cart.running[Symbol.asyncDispose]();
    await Bun.sleep(50);
    const late = await outcomeOf(at(cart).add(1, 1n, withTimeout(500)));
    expect(await inFlight).toBe('OK');
    expect(late).toStartWith('UNAVAILABLE');
    await stopped;
    expect(performance.now() - startedMs).toBeLessThan(2500);
    await cart[Symbol.asyncDispose]();
    expect(await checkoutState()).toBe('done');
  }, 30_000);

  test('takes no longer than the drain limit when loms never answers; a restart finishes the checkout', async () => {
    const cart = await openCart(connections(), { drainMs: 300, resumeIntervalMs: 50 });
    await at(cart).add(1, 2n);
    surroundings.loms.fake.onCreate = () => new Promise(() => {});
    const cut = outcomeOf(at(cart).checkout(withTimeout(25_000)));
    await waitUntil(async () => (await checkoutState()) === 'open', { what: 'the cart is frozen' });
    const startedMs = performance.now();
    await cart.running[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(await cut).not.toBe('OK');
    await cart[Symbol.asyncDispose]();
    expect(await checkoutState()).toBe('open');
    surroundings.loms.fake.onCreate = (proceed) => proceed();
    await surroundings.database.db.query(`update checkouts set claimed_until = '-infinity' where user_id = $1`, [
      surroundings.user,
    ]);
    await using _ = await openCart(connections(), { resumeIntervalMs: 50 });
    await waitUntil(async () => (await checkoutState()) === 'done', { what: 'the resumer finishes the checkout' });
  }, 30_000);

  test('finishes a checkout whose caller went away', async () => {
    const cart = await openCart(connections(), { resumeIntervalMs: 60_000 });
    await at(cart).add(1, 2n);
    const caller = new AbortController();
    surroundings.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const gone = outcomeOf(
      cart.client.checkout({ user: surroundings.user }, { ...withTimeout(5000), signal: caller.signal }),
    );
    await waitUntil(async () => (await checkoutState()) === 'open', { what: 'the cart is frozen' });
    caller.abort();
    expect(await gone).toStartWith('CANCELLED');
    await cart.running[Symbol.asyncDispose]();
    expect(await checkoutState()).toBe('done');
    await cart[Symbol.asyncDispose]();
  }, 30_000);

  test('with SIGTERM answers the call in flight, and the process ends with exit code 0', async () => {
    await using cart = await startProcess(connections());
    await at(cart).add(1, 2n);
    surroundings.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const inFlight = outcomeOf(at(cart).checkout());
    await waitUntil(async () => (await checkoutState()) === 'open', { what: 'the cart is frozen' });
    expect(await cart.end('SIGTERM')).toBe(0);
    expect(await inFlight).toBe('OK');
    expect(await checkoutState()).toBe('done');
  }, 30_000);

  test('a bad configuration is reported with all its faults, and the process ends with exit code 1', async () => {
    const { child, output } = run('main.ts', { CART_GRPC_PORT: 'x', LOMS_ADDRESS: 'nowhere' });
    expect(await child.exited).toBe(1);
    for (const name of ['CART_GRPC_PORT', 'LOMS_ADDRESS', 'CART_DATABASE_URL', 'PRODUCT_TOKEN'])
      expect(await output).toContain(name);
  }, 30_000);
});

describe('just checkout close', () => {
  test('closes an open checkout with what loms says, or with --abandon without it, and stores the reason', async () => {
    await using cart = await openCart(connections(), { resumeIntervalMs: 60_000 });
    await at(cart).add(1, 2n);
    surroundings.loms.fake.onCreate = () => Promise.reject(new AppError('unavailable', 'away'));
    await failureOfCall(at(cart).checkout());
    const [{ id } = { id: '' }] = await surroundings.database.checkoutsOf(surroundings.user);
    const env = { CART_DATABASE_URL: surroundings.database.url, LOMS_ADDRESS: surroundings.loms.address };
    const close = async (...args: string[]) => {
      const { child, output } = run('checkout/main.ts', env, ['close', ...args]);
      return [await child.exited, await output] as const;
    };
    const [code, said] = await close(id, 'stuck', 'since', 'noon');
    expect([code, said.includes('does not say')]).toEqual([1, true]);
    expect(await checkoutState()).toBe('open');
    expect(await close('nonsense', 'why')).toEqual([
      2,
      expect.stringContaining("value 'nonsense' is invalid for argument 'ID'"),
    ]);
    expect(await close(id)).toEqual([2, expect.stringContaining('REASON is missing')]);
    const [done] = await close(id, 'stuck', 'since', 'noon', '--abandon');
    expect([done, await checkoutState()]).toEqual([0, 'refused']);
    const { rows } = await surroundings.database.db.query('select action, reason from audit where subject = $1', [id]);
    expect(rows).toEqual([{ action: 'close checkout', reason: 'stuck since noon' }]);
    expect(await at(cart).contents()).toEqual([[1, 2]]);
  }, 30_000);
});
