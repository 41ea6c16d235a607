import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';

import { pingRedis } from '@tally/platform/embedded';
import { SHARED_AGAIN_MS } from '@tally/platform/redis';
import { type TestRedis, describeWith, missingRedis, openTestRedis } from '@tally/platform/testing';

import type { Second } from '../product/calls.ts';
import { type Instance, type SharedProducts, listAt, openSharedProducts, startLoad } from './shared-products.ts';

setDefaultTimeout(60_000);

// The limit of ten a second, and the burst.
const MOST = 11;
const CALLERS = 16;
// A machine that is busy with other things takes turns away. In seconds in which this process or Redis was held up for
// longer than this, fewer calls are nobody's fault.
const HELD_UP_MS = 40;

describeWith(await missingRedis(), 'two instances of cart with one limit in Redis', () => {
  const stack = new AsyncDisposableStack();
  let redis: TestRedis;
  let shop: SharedProducts;
  let instances: readonly [Instance, Instance];

  beforeAll(async () => {
    redis = stack.use(await openTestRedis());
    // The stand-in refuses what is above, and shows it.
    shop = stack.use(await openSharedProducts(MOST));
    await shop.fill(1, 1);
    const open = () => shop.openInstance({ limiter: redis.url });
    instances = [await open(), await open()];
  });
  afterAll(() => stack.disposeAsync());

  /** Every List is one product call: a token of its own shares no cache. */
  const load = () =>
    startLoad(CALLERS, (caller) => listAt(instances[(caller % 2) as 0 | 1], 1, { token: 'testtoken' }));
  /** Whole seconds of the stand-in's page behind and before these moments. */
  const secondsBetween = (fromMs: number, toMs: number): Second[] =>
    shop.product.seconds().filter(({ second }) => second * 1000 >= fromMs && (second + 1) * 1000 <= toMs);
  const describeSeconds = (seconds: readonly Second[]) => seconds.map(({ calls }) => calls).join(' ');

  /** Notes for each second how long this process or Redis was held up at most. */
  function startWatch() {
    const heldMs = new Map<number, number>();
    let isOn = true;
    const run = async () => {
      while (isOn) {
        const startedMs = performance.now();
        await Bun.sleep(10);
        await pingRedis(redis.port);
        const tookMs = performance.now() - startedMs - 10;
        // It reaches into the second before where it was long.
        for (const ms of [Date.now(), Date.now() - tookMs]) {
          const second = Math.floor(ms / 1000);
          heldMs.set(second, Math.max(heldMs.get(second) ?? 0, tookMs));
        }
      }
    };
    const running = run();
    return {
      isFree: ({ second }: Second) => (heldMs.get(second) ?? 0) <= HELD_UP_MS,
      async stop() {
        isOn = false;
        await running;
      },
    };
  }

  test('no second has more than 11 calls and none less than 9 while callers wait; killed and back, the sum stays within', async () => {
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
    const parted = secondsBetween(killedMs + 1_000, backMs);
    const again = secondsBetween(backMs + SHARED_AGAIN_MS, endedMs);
    const outcomes = await callers.stop();
    await watch.stop();
    console.log(
      `calls a second: shared ${describeSeconds(shared)}; without Redis ${describeSeconds(parted)}; back ${describeSeconds(again)}; all ${describeSeconds(shop.product.seconds())}`,
    );
    expect(outcomes).toEqual({ OK: expect.any(Number) as never });
    for (const { calls, refused } of shop.product.seconds()) {
      expect(calls).toBeLessThanOrEqual(MOST);
      expect(refused).toBe(0);
    }
    const free = [...shared, ...again].filter(watch.isFree);
    for (const { calls } of free) expect(calls).toBeGreaterThanOrEqual(9);
    const all = [...shared, ...again].map(({ calls }) => calls).toSorted((a, b) => a - b);
    expect(all[Math.floor(all.length / 2)]).toBeGreaterThanOrEqual(9);
    if (free.length < shared.length + again.length) {
      console.log(`of ${shared.length + again.length} seconds the machine was free in ${free.length}`);
    }
    // Each falls to five turns a second, a twentieth apart from it: never to no limit, and not to none at all.
    for (const { calls } of parted) expect(calls).toBeLessThanOrEqual(10);
    for (const { calls } of parted.filter(watch.isFree)) expect(calls).toBeGreaterThanOrEqual(8);
    expect([shared.length, parted.length, again.length].every((count) => count >= 4)).toBe(true);
  });

  test('a caller whose deadline is shorter than its wait is refused at once and takes no turn', async () => {
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
    // Long before their deadlines, which leave 400 ms for the product service.
    expect(tookMs.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
    expect(Math.max(...tookMs)).toBeLessThan(350);
    expect(shop.calls() - before).toBe(OK ?? 0);
  });
});
