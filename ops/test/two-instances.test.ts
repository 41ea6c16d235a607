import { expect, test } from 'bun:test';

import { openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { quietPorts } from '@tally/platform/testing';
import { ProductService } from '@tally/proto/product';

import { CHECKOUT } from '../local/config.ts';
import { until } from './local-fake-system.ts';

const CALLERS = 8;
const SKU = 1148162;

/** The product stand-in as a process of its own, which is the quickest of our servers to start. */
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
    /** Calls that it was asked in the last seconds. */
    async calls(): Promise<number> {
      const seconds = (await (await ask('/calls.json')).json()) as { calls: number }[];
      return seconds.reduce((sum, { calls }) => sum + calls, 0);
    },
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
    [Symbol.asyncDispose]() {
      return this.kill();
    },
  };
}

test('calls go to both instances in turn; one that is killed costs no more than its calls in flight, and comes back', async () => {
  const [grpc1 = 0, http1 = 0, grpc2 = 0, http2 = 0] = quietPorts(4);
  await using first = await startInstance(grpc1, http1);
  await using second = await startInstance(grpc2, http2);
  const { tracer } = openTracing('test');
  const addresses = [grpc1, grpc2].map((port) => `127.0.0.1:${port}`);
  await using client = openGrpcClient(ProductService, { addresses, tracer });
  const call = () => client.getProduct({ token: 'testtoken', sku: SKU }, { deadlineMs: Date.now() + 5_000 });

  // Both connections stand.
  await until('both were asked', async () => {
    await call();
    return (await first.calls()) > 0 && (await second.calls()) > 0;
  });
  const before = [await first.calls(), await second.calls()] as const;
  let answered = 0;
  let failed = 0;
  const stopping = new AbortController();
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!stopping.signal.aborted) {
      await call().then(
        () => (answered += 1),
        () => (failed += 1),
      );
    }
  });
  await until('many calls were answered', () => answered > 400);
  const shares = [(await first.calls()) - before[0], (await second.calls()) - before[1]] as const;
  expect(Math.min(...shares) / Math.max(...shares)).toBeGreaterThan(0.8);

  await second.kill();
  const answeredAtKill = answered;
  await until('the other one serves all', () => answered > answeredAtKill + 400);
  expect(failed).toBeLessThanOrEqual(CALLERS);

  const failedBefore = failed;
  await using again = await startInstance(grpc2, http2);
  await until('it is asked again', async () => (await again.calls()) > 20);
  expect(failed).toBe(failedBefore);
  stopping.abort();
  await Promise.all(callers);
}, 60_000);
