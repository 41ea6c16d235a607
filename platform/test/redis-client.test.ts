import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';

import { systemClock } from '../src/concurrency/index.ts';
import { type Redis, RedisAwayError, createSharedTokenBucket, openRedis } from '../src/redis/index.ts';
import { freePort } from '../src/embedded/index.ts';
import {
  type TestRedis,
  describeWith,
  missingRedis,
  openProxy,
  openTestRedis,
  waitUntil,
} from '../src/testing/index.ts';

const LIMIT_MS = 200;
setDefaultTimeout(30_000);

describeWith(await missingRedis(), 'a connection to Redis', () => {
  let server: TestRedis;
  let redis: Redis;
  let changes: string[];

  beforeEach(async () => {
    server = await openTestRedis();
    changes = [];
    redis = open(server.url);
    await redis.untilReady(2_000);
  });
  afterEach(async () => {
    await redis[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  function open(url: string): Redis {
    const onChange = (isThere: boolean) => changes.push(isThere ? 'there' : 'away');
    return openRedis({ url, name: 'test', commandLimitMs: LIMIT_MS, random: Math.random, onChange });
  }

  async function failureOf(answer: Promise<unknown>): Promise<{ error: unknown; tookMs: number }> {
    const startedMs = performance.now();
    const error = await answer.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, tookMs: performance.now() - startedMs };
  }

  test('commands of one turn of the event loop are sent together', async () => {
    const info = async () => Number(/total_reads_processed:(\d+)/.exec(String(await redis.send('INFO', 'stats')))?.[1]);
    await redis.send('SET', 'a', '1');
    const before = await info();
    await Promise.all(Array.from({ length: 20 }, () => redis.send('GET', 'a')));
    expect((await info()) - before).toBeLessThanOrEqual(3);
  });

  test('commands fail at once while the server is away, and the client reconnects soon after it returns', async () => {
    await server.kill();
    await waitUntil(() => !redis.isReady, { what: 'the client sees the end of the server' });
    const { error, tookMs } = await failureOf(redis.send('PING'));
    expect(error).toBeInstanceOf(RedisAwayError);
    expect(tookMs).toBeLessThan(20);
    await Bun.sleep(500);
    await server.start();
    const startedMs = performance.now();
    await redis.untilReady(5_000);
    expect(performance.now() - startedMs).toBeLessThan(400);
    expect(await redis.send('PING')).toBe('PONG');
    expect(changes).toEqual(['there', 'away', 'there']);
  });

  test('a command to a server that hangs fails after its limit', async () => {
    server.pause();
    const { error, tookMs } = await failureOf(redis.send('PING'));
    server.resume();
    expect(error).toBeInstanceOf(RedisAwayError);
    expect(tookMs).toBeWithin(LIMIT_MS - 10, LIMIT_MS + 150);
    expect(await redis.send('PING')).toBe('PONG');
  });

  test('a connection that the network lost is replaced', async () => {
    await using proxy = await openProxy(Number(new URL(server.url).port));
    await using far = open(`redis://127.0.0.1:${proxy.port}`);
    await far.untilReady(2_000);
    proxy.muteCurrent();
    const answers = async () => (await failureOf(far.send('PING'))).error === undefined;
    expect(await answers()).toBe(false);
    expect(far.isReady).toBe(true);
    await waitUntil(answers, { what: 'it answers', timeoutMs: 5_000 });
    expect(changes).toEqual(['there', 'there', 'away', 'there']);
  });

  test('a new connection without an answer is replaced as well', async () => {
    await using proxy = await openProxy(Number(new URL(server.url).port));
    proxy.isMute = true;
    await using far = open(`redis://127.0.0.1:${proxy.port}`);
    await far.untilReady(300);
    // The dropped bytes are never answered, so only another connection helps.
    proxy.isMute = false;
    await far.untilReady(5_000);
    expect(await far.send('PING')).toBe('PONG');
  });

  test('late answers do not count as silence', async () => {
    const late = async () => {
      server.pause();
      const { error } = await failureOf(redis.send('PING'));
      server.resume();
      expect(error).toBeInstanceOf(RedisAwayError);
    };
    await late();
    await Bun.sleep(1_200);
    await late();
    expect(await redis.send('PING')).toBe('PONG');
    expect(changes).toEqual(['there']);
  });

  test('an answer that has arrived counts, even when this process was too busy to read it in time', async () => {
    const answer = redis.send('PING');
    // The command is sent, and the server answers while this process reads nothing.
    await new Promise((resolve) => setImmediate(resolve));
    const untilMs = performance.now() + 2 * LIMIT_MS;
    while (performance.now() < untilMs);
    expect(await answer).toBe('PONG');
  });

  test('an error that the server answers is not RedisAwayError', async () => {
    const { error } = await failureOf(redis.send('NONSENSE'));
    expect(error).not.toBeInstanceOf(RedisAwayError);
    expect(String(error)).toContain('unknown command');
  });

  test('untilReady returns after its limit when there is no server', async () => {
    await using nowhere = open(`redis://127.0.0.1:${freePort()}`);
    const startedMs = performance.now();
    await nowhere.untilReady(100);
    expect(performance.now() - startedMs).toBeWithin(90, 300);
    expect((await failureOf(nowhere.send('PING'))).error).toBeInstanceOf(RedisAwayError);
  });

  test('a shared limit continues with its own part while Redis hangs, and is shared again afterwards', async () => {
    const shared: boolean[] = [];
    const limits = { key: 'limit', ratePerSecond: 20, burst: 1, instances: 2, maxWaiting: 100 };
    const deps = { clock: systemClock, redis, onChange: (isShared: boolean) => shared.push(isShared) };
    const bucket = createSharedTokenBucket(deps, limits);
    await bucket.take();
    server.pause();
    const startedMs = performance.now();
    for (let n = 0; n < 10; n += 1) await bucket.take();
    const tookMs = performance.now() - startedMs;
    server.resume();
    // Ten turns at half of the rate, and the limit of the first command.
    expect(tookMs).toBeWithin(900, 2_000);
    await waitUntil(async () => (await bucket.take(), shared.at(-1) === true), { what: 'it is shared again' });
    expect(shared).toEqual([false, true]);
  });
});
