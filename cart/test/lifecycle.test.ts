import { describe, expect, test } from 'bun:test';

import { AppError } from '@tally/platform/errors';
import { failureOfCall, outcomeOf, waitUntil } from '@tally/platform/testing';

import { run, startProcess } from './process.ts';
import { openCart, within } from './service.ts';
import { useStreet } from './shop.ts';

const street = useStreet();
const { around, at, state } = street;

describe('the end of the service', () => {
  test('calls in flight end, new ones are refused, and it ends within its drain limit', async () => {
    const cart = await openCart(around());
    await at(cart).add(1, 2n);
    street.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const inFlight = outcomeOf(at(cart).checkout());
    await waitUntil(async () => (await state()) === 'open', { what: 'it is frozen' });
    const startedMs = performance.now();
    const stopped = cart.running[Symbol.asyncDispose]();
    await Bun.sleep(50);
    const late = await outcomeOf(at(cart).add(1, 1n, within(500)));
    expect(await inFlight).toBe('OK');
    expect(late).toStartWith('UNAVAILABLE');
    await stopped;
    expect(performance.now() - startedMs).toBeLessThan(2500);
    await cart[Symbol.asyncDispose]();
    expect(await state()).toBe('done');
  }, 30_000);

  test('a loms that never answers holds the end up no longer than the drain limit; the checkout ends after the restart', async () => {
    const cart = await openCart(around(), { drainMs: 300, resumeIntervalMs: 50 });
    await at(cart).add(1, 2n);
    street.loms.fake.onCreate = () => new Promise(() => {});
    const cut = outcomeOf(at(cart).checkout(within(25_000)));
    await waitUntil(async () => (await state()) === 'open', { what: 'it is frozen' });
    const startedMs = performance.now();
    await cart.running[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(await cut).not.toBe('OK');
    await cart[Symbol.asyncDispose]();
    expect(await state()).toBe('open');
    street.loms.fake.onCreate = (proceed) => proceed();
    await street.database.db.query(`update checkouts set claimed_until = '-infinity' where user_id = $1`, [
      street.user,
    ]);
    await using _ = await openCart(around(), { resumeIntervalMs: 50 });
    await waitUntil(async () => (await state()) === 'done', { what: 'the resumer ends it' });
  }, 30_000);

  test('a checkout whose caller went away is finished before the end', async () => {
    const cart = await openCart(around(), { resumeIntervalMs: 60_000 });
    await at(cart).add(1, 2n);
    const caller = new AbortController();
    street.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const gone = outcomeOf(cart.client.checkout({ user: street.user }, { ...within(5000), signal: caller.signal }));
    await waitUntil(async () => (await state()) === 'open', { what: 'it is frozen' });
    caller.abort();
    expect(await gone).toStartWith('CANCELLED');
    await cart.running[Symbol.asyncDispose]();
    expect(await state()).toBe('done');
    await cart[Symbol.asyncDispose]();
  }, 30_000);

  test('SIGTERM ends the process with 0, the call in flight answered', async () => {
    await using cart = await startProcess(around());
    await at(cart).add(1, 2n);
    street.loms.fake.onCreate = async (proceed) => {
      await Bun.sleep(300);
      return proceed();
    };
    const inFlight = outcomeOf(at(cart).checkout());
    await waitUntil(async () => (await state()) === 'open', { what: 'it is frozen' });
    expect(await cart.end('SIGTERM')).toBe(0);
    expect(await inFlight).toBe('OK');
    expect(await state()).toBe('done');
  }, 30_000);

  test('a bad configuration lists all its faults and ends with 1', async () => {
    const { child, said } = run('main.ts', { CART_GRPC_PORT: 'x', LOMS_ADDRESS: 'nowhere' });
    expect(await child.exited).toBe(1);
    for (const name of ['CART_GRPC_PORT', 'LOMS_ADDRESS', 'CART_DATABASE_URL', 'PRODUCT_TOKEN'])
      expect(await said).toContain(name);
  }, 30_000);
});

describe('closing by hand', () => {
  test('ends an open checkout with what loms says, else only where it is told to, and keeps the reason', async () => {
    await using cart = await openCart(around(), { resumeIntervalMs: 60_000 });
    await at(cart).add(1, 2n);
    street.loms.fake.onCreate = () => Promise.reject(new AppError('unavailable', 'away'));
    await failureOfCall(at(cart).checkout());
    const [{ id } = { id: '' }] = await street.database.checkoutsOf(street.user);
    const env = { CART_DATABASE_URL: street.database.url, LOMS_ADDRESS: street.loms.address };
    const close = async (...args: string[]) => {
      const { child, said } = run('checkout/main.ts', env, ['close', ...args]);
      return [await child.exited, await said] as const;
    };
    const [code, said] = await close(id, 'stuck', 'since', 'noon');
    expect([code, said.includes('does not say')]).toEqual([1, true]);
    expect(await state()).toBe('open');
    expect(await close('nonsense', 'why')).toEqual([
      2,
      expect.stringContaining("value 'nonsense' is invalid for argument 'ID'"),
    ]);
    expect(await close(id)).toEqual([2, expect.stringContaining("missing required argument 'REASON'")]);
    const [done] = await close(id, 'stuck', 'since', 'noon', '--abandon');
    expect([done, await state()]).toEqual([0, 'refused']);
    const { rows } = await street.database.db.query('select action, reason from audit where subject = $1', [id]);
    expect(rows).toEqual([{ action: 'close checkout', reason: 'stuck since noon' }]);
    expect(await at(cart).contents()).toEqual([[1, 2]]);
  }, 30_000);
});
