import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';

import { pingRedis } from '@tally/platform/embedded';
import { SHARED_AGAIN_MS } from '@tally/platform/redis';
import { type TestRedis, describeWith, missingRedis, openTestRedis } from '@tally/platform/testing';

import type { Second } from '../product/calls.ts';
import { type Instance, type SharedProducts, listAt, openSharedProducts, startLoad } from './shared-products.ts';

setDefaultTimeout(60_000);

// Ten calls a second, plus the burst of one.
const MAX_CALLS_PER_SECOND = 11;
const CALLERS = 16;
// A busy machine makes callers miss their turns. In a second in which this process or Redis stalled for more than this
// many milliseconds, there may be fewer calls than the limit allows.
const MAX_STALL_MS = 40;

describeWith(await missingRedis(), 'two instances of cart with one limit in Redis', () => {
  const stack = new AsyncDisposableStack();
  let redis: TestRedis;
  let shop: SharedProducts;
  let instances: readonly [Instance, Instance];

  beforeAll(async () => {
    redis = stack.use(await openTestRedis());
    // The stand-in of the product service counts calls, and refuses those above this rate.
    shop = stack.use(await openSharedProducts(MAX_CALLS_PER_SECOND));
    await shop.fill(1, 1);
    const open = () => shop.openInstance({ limiter: redis.url });
    instances = [await open(), await open()];
  });
  afterAll(() => stack.disposeAsync());

  /**
   * Starts callers that list one product. Each List makes one product call, since a call with its own token is not
   * cached.
   */
  const load = () =>
    startLoad(CALLERS, (caller) => listAt(instances[(caller % 2) as 0 | 1], 1, { token: 'testtoken' }));
  /** Returns the calls of each whole second between two moments, as the stand-in counted them. */
  const secondsBetween = (fromMs: number, toMs: number): Second[] =>
    shop.product.seconds().filter(({ second }) => second * 1000 >= fromMs && (second + 1) * 1000 <= toMs);
  const describeSeconds = (seconds: readonly Second[]) => seconds.map(({ calls }) => calls).join(' ');

  /** Measures the longest stall of this process or Redis in each second. */
  function startWatch() {
    const stallMs = new Map<number, number>();
    let isRunning = true;
    const run = async () => {
      while (isRunning) {
        const startedMs = performance.now();
        await Bun.sleep(10);
        await pingRedis(redis.port);
        const tookMs = performance.now() - startedMs - 10;
        // A long stall may have begun in the second before.
        for (const ms of [Date.now(), Date.now() - tookMs]) {
          const second = Math.floor(ms / 1000);
          stallMs.set(second, Math.max(stallMs.get(second) ?? 0, tookMs));
        }
      }
    };
    const running = run();
    return {
      isSmooth: ({ second }: Second) => (stallMs.get(second) ?? 0) <= MAX_STALL_MS,
      async stop() {
        isRunning = false;
        await running;
      },
    };
  }

  test('a second has 9 to 11 calls while callers wait, and no more while Redis dies and returns', async () => {
    const watch = startWatch();
    const startedMs = Date.now();
    const callers = load();
    await Bun.sleep(7_000);
    const killedMs = Date.now();
    await redis.kill();
    await Bun.sleep(6_000);
    const backMs = Date.now();
    await redis.start();
    await Bun.sleep(SHARED_AGAIN_MS + 5_000);
    const endedMs = Date.now();
    const shared = secondsBetween(startedMs + SHARED_AGAIN_MS, killedMs);
    const divided = secondsBetween(killedMs + 1_000, backMs);
    const again = secondsBetween(backMs + SHARED_AGAIN_MS, endedMs);
    const outcomes = await callers.stop();
    await watch.stop();
    console.log(`calls a second with a shared limit: ${describeSeconds(shared)}`);
    console.log(`without Redis: ${describeSeconds(divided)}; with Redis again: ${describeSeconds(again)}`);
    console.log(`all seconds: ${describeSeconds(shop.product.seconds())}`);
    expect(outcomes).toEqual({ OK: expect.any(Number) as never });
    for (const { calls, refused } of shop.product.seconds()) {
      expect(calls).toBeLessThanOrEqual(MAX_CALLS_PER_SECOND);
      expect(refused).toBe(0);
    }
    const smooth = [...shared, ...again].filter(watch.isSmooth);
    for (const { calls } of smooth) expect(calls).toBeGreaterThanOrEqual(9);
    const all = [...shared, ...again].map(({ calls }) => calls).toSorted((a, b) => a - b);
    expect(all[Math.floor(all.length / 2)]).toBeGreaterThanOrEqual(9);
    if (smooth.length < all.length) {
      console.log(`the machine stalled in ${all.length - smooth.length} of ${all.length} seconds`);
    }
    // Without Redis each instance makes five calls a second, less a margin of a twentieth.
    for (const { calls } of divided) expect(calls).toBeLessThanOrEqual(10);
    for (const { calls } of divided.filter(watch.isSmooth)) expect(calls).toBeGreaterThanOrEqual(8);
    expect([shared.length, divided.length, again.length].every((count) => count >= 4)).toBe(true);
  });

  test('a caller whose deadline is before its turn is refused at once and takes no turn', async () => {
    const before = shop.calls();
    const callers = load();
    await Bun.sleep(2_500);
    const tookMs: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const startedMs = performance.now();
      const outcome = await listAt(instances[(i % 2) as 0 | 1], 1, { token: 'testtoken', forMs: 600 });
      tookMs.push(performance.now() - startedMs);
      expect(outcome).toBe('RESOURCE_EXHAUSTED PRODUCT_LIMIT');
      await Bun.sleep(50);
    }
    const { OK } = await callers.stop();
    console.log(`refused after ${Math.max(...tookMs).toFixed(0)} ms at most`);
    // A refusal comes long before the deadline of its caller.
    expect(tookMs.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
    expect(Math.max(...tookMs)).toBeLessThan(350);
    expect(shop.calls() - before).toBe(OK ?? 0);
  });
});
