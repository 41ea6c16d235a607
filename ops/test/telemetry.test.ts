import { expect, test } from 'bun:test';

import { create } from '@bufbuild/protobuf';
import { AppError } from '@tally/platform/errors';
import { openGrpcClient, startGrpcServer } from '@tally/platform/grpc';
import { createLog, createMetrics, openTracing } from '@tally/platform/telemetry';
import { bindPartly, outcomeOf } from '@tally/platform/testing';
import { Loms, OrderInfoRequestSchema } from '@tally/proto/loms';

/** Opens an OTLP collector that keeps what it receives as text, so that tests can search it. */
function openCollector() {
  const received: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      received.push(`${new URL(request.url).pathname} ${Buffer.from(await request.arrayBuffer()).toString('latin1')}`);
      return new Response(null, { status: 200 });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    received,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const options = { name: 'loms', host: '127.0.0.1', port: 0, drainMs: 500, metrics: createMetrics('loms') };

test('spans of client and server reach the collector in the trace of the incoming call', async () => {
  await using collector = openCollector();
  const traceId = 'c'.repeat(32);
  {
    await using tracing = openTracing('loms', collector.url);
    const { tracer } = tracing;
    const log = createLog('loms', 'silent');
    const service = bindPartly(Loms, { orderInfo: async () => ({ status: 'payed', user: 1n, items: [] }) });
    await using server = await startGrpcServer({
      ...options,
      metrics: createMetrics('loms'),
      log,
      tracer,
      services: [service],
    });
    await using client = openGrpcClient(Loms, {
      addresses: [`127.0.0.1:${server.port}`],
      tracer: openTracing('x').tracer,
    });
    const headers = { traceparent: `00-${traceId}-${'d'.repeat(16)}-01` };
    const call = { deadlineMs: Date.now() + 5000, headers };
    expect((await client.orderInfo(create(OrderInfoRequestSchema, { orderId: 1n }), call)).status).toBe('payed');
  }
  const sent = collector.received.join('\n');
  expect(sent).toStartWith('/v1/traces ');
  expect(sent).toContain('loms.Loms/OrderInfo');
  expect(sent).toContain(Buffer.from(traceId, 'hex').toString('latin1'));
});

test('a collector that is down delays nothing', async () => {
  const tracing = openTracing('loms', 'http://127.0.0.1:1');
  tracing.tracer.startSpan('lonely').end();
  const startedMs = performance.now();
  await tracing[Symbol.asyncDispose]();
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test('a bug is answered as INTERNAL without its message and is logged with it, and the service goes on', async () => {
  const lines: string[] = [];
  const log = createLog('loms', 'info', { write: (line) => void lines.push(line) });
  let calls = 0;
  const service = bindPartly(Loms, {
    async orderInfo() {
      calls += 1;
      if (calls === 1) throw new Error('a secret detail');
      return { status: 'payed', user: 1n, items: [] };
    },
  });
  const { tracer } = openTracing('loms');
  await using server = await startGrpcServer({
    ...options,
    metrics: createMetrics('loms'),
    log,
    tracer,
    services: [service],
  });
  await using client = openGrpcClient(Loms, { addresses: [`127.0.0.1:${server.port}`], tracer });
  const ask = () => client.orderInfo({ orderId: 1n }, { deadlineMs: Date.now() + 5000 });
  const failure = await ask().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 13, message: 'internal error', reason: undefined });
  expect(lines.join()).toContain('a secret detail');
  expect(await outcomeOf(ask())).toBe('OK');
});

test('neither secrets nor the row of a database error reach the log', () => {
  const lines: string[] = [];
  const log = createLog('cart', 'info', { write: (line) => void lines.push(line) });
  const error = Object.assign(new Error('duplicate key'), { code: '23505', detail: 'Key (name)=(Anna) exists.' });
  log.info({ token: 'hush', nested: { password: 'hush' }, headers: { 'x-product-token': 'hush' }, error }, 'seen');
  expect(lines.join()).not.toContain('hush');
  expect(lines.join()).not.toContain('Anna');
  expect(JSON.parse(lines.join()).error).toMatchObject({ message: 'duplicate key', code: '23505' });
});

test('an expected error is logged without a stack, and a bug with one, also as a nested cause', () => {
  const lines: string[] = [];
  const log = createLog('cart', 'info', { write: (line) => void lines.push(line) });
  const stacksOf = (error: unknown) => {
    lines.length = 0;
    log.warn({ error }, 'failed');
    return lines.join('').match(/"stack":/g)?.length ?? 0;
  };
  const away = new AppError('unavailable', 'away', {
    cause: new Error('refused', { cause: new Error('no listener') }),
  });
  expect(stacksOf(away)).toBe(0);
  expect(stacksOf(new Error('other', { cause: away }))).toBe(1);
  expect(stacksOf(new AppError('unavailable', 'away', { cause: new TypeError('x is not a function') }))).toBe(1);
});

test('several host names are refused with advice; several IPv4 addresses and one host name are accepted', async () => {
  const { tracer } = openTracing('loms');
  const open = (...addresses: string[]) => openGrpcClient(Loms, { addresses, tracer });
  expect(() => open('a:1', 'b:2')).toThrow('use one name that resolves to all');
  for (const addresses of [['127.0.0.1:1', '127.0.0.1:2'], ['localhost:1']])
    await open(...addresses)[Symbol.asyncDispose]();
});
