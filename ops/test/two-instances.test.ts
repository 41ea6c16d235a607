import { expect, test } from 'bun:test';

import { openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { quietPorts } from '@tally/platform/testing';
import { ProductService } from '@tally/proto/product';

import { CHECKOUT } from '../local/config.ts';
import { until } from './local-fake-system.ts';

const CALLERS = 8;
const SKU = 1148162;
const CALL_LIMIT_MS = 30_000;

/** Starts the product stand-in as a process of its own. It is the quickest of our servers to start. */
async function startInstance(grpcPort: number, httpPort: number) {
  const child = Bun.spawn([process.execPath, '--no-env-file', 'ops/product/main.ts'], {
    cwd: CHECKOUT,
    env: {
      PRODUCT_GRPC_PORT: String(grpcPort),
      PRODUCT_HTTP_PORT: String(httpPort),
      PRODUCT_TOKEN: 'testtoken',
      PRODUCT_MAX_CALLS_PER_SECOND: '1000000',
      PRODUCT_LATENCY_MS: '5',
      LOG_LEVEL: 'silent',
    },
  });
  const ask = (path: string) => fetch(`http://127.0.0.1:${httpPort}${path}`);
  await until(
    'it is ready',
    () =>
      ask('/readyz').then(
        ({ ok }) => ok,
        () => false,
      ),
    20_000,
  );
  return {
    /** Returns the number of calls that it received in the last five minutes. */
    async calls(): Promise<number> {
      const seconds = (await (await ask('/calls.json')).json()) as { calls: number }[];
      return seconds.reduce((sum, { calls }) => sum + calls, 0);
    },
    /** Sends SIGTERM and waits for the end: it finishes what it has begun and accepts no more. */
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    [Symbol.asyncDispose]() {
      return this.kill();
    },
  };
}

/** Starts two instances, and callers that call them without a pause. */
async function openCallers(stack: AsyncDisposableStack) {
  const [grpc1 = 0, http1 = 0, grpc2 = 0, http2 = 0] = quietPorts(4);
  const first = stack.use(await startInstance(grpc1, http1));
  const second = stack.use(await startInstance(grpc2, http2));
  const { tracer } = openTracing('test');
  const addresses = [grpc1, grpc2].map((port) => `127.0.0.1:${port}`);
  const client = stack.use(openGrpcClient(ProductService, { addresses, tracer, areOurs: true }));
  const call = () => client.getProduct({ token: 'testtoken', sku: SKU }, { deadlineMs: Date.now() + CALL_LIMIT_MS });

  // From now on, both connections are open.
  await until('both were called', async () => {
    await call();
    return (await first.calls()) > 0 && (await second.calls()) > 0;
  });
  let answered = 0;
  const failures: string[] = [];
  const stopping = new AbortController();
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!stopping.signal.aborted) {
      await call().then(
        () => (answered += 1),
        (error: Error) => failures.push(error.message),
      );
    }
  });
  stack.defer(async () => {
    stopping.abort();
    await Promise.all(callers);
  });
  return {
    first,
    second,
    failures,
    restartSecond: async () => stack.use(await startInstance(grpc2, http2)),
    async untilAnswered(count: number) {
      const from = answered;
      await until(`${count} more calls are answered`, () => answered >= from + count);
    },
  };
}

test('calls alternate between two instances; one that is killed costs at most its calls in flight and is used again later', async () => {
  await using stack = new AsyncDisposableStack();
  const { first, second, failures, restartSecond, untilAnswered } = await openCallers(stack);
  const before = [await first.calls(), await second.calls()] as const;
  await untilAnswered(400);
  const shares = [(await first.calls()) - before[0], (await second.calls()) - before[1]] as const;
  expect(Math.min(...shares) / Math.max(...shares)).toBeGreaterThan(0.8);

  await second.kill();
  await untilAnswered(400);
  expect(failures.length).toBeLessThanOrEqual(CALLERS);

  const failedBefore = failures.length;
  const again = await restartSecond();
  await until('it is called again', async () => (await again.calls()) > 20);
  expect(failures.slice(failedBefore)).toEqual([]);
}, 60_000);

test('an instance that gets SIGTERM costs no call', async () => {
  await using stack = new AsyncDisposableStack();
  const { second, failures, restartSecond, untilAnswered } = await openCallers(stack);
  await untilAnswered(100);
  await second.stop();
  await untilAnswered(200);
  for (let round = 1; round <= 4; round += 1) {
    const again = await restartSecond();
    await until('it is called', async () => (await again.calls()) > 20);
    await again.stop();
    await untilAnswered(200);
  }
  expect(failures).toEqual([]);
}, 60_000);

test('an instance that hangs costs at most its calls in flight, and is used again when it resumes', async () => {
  await using stack = new AsyncDisposableStack();
  const { second, failures, untilAnswered } = await openCallers(stack);
  await untilAnswered(100);
  second.pause();
  await untilAnswered(2_000);
  expect(failures.length).toBeWithin(1, CALLERS + 1);

  const failedBefore = failures.length;
  const asked = await (second.resume(), second.calls());
  await until('it is called again', async () => (await second.calls()) > asked + 20);
  expect(failures.slice(failedBefore)).toEqual([]);
}, 60_000);
