import { expect, test } from 'bun:test';

import { AppError } from '../errors/index.ts';
import { createMetrics } from '../telemetry/index.ts';
import { METHOD, createCall } from '../testing/calls.ts';
import { InternalError } from './server-errors.ts';
import { metrics } from './server-metrics.ts';

const LABELS = 'method="grpc.health.v1.Health/Check"';

async function setUp() {
  const registry = createMetrics('example');
  const answers: (() => Promise<unknown>)[] = [];
  const handle = metrics(registry)(() => answers.shift()?.() ?? Promise.resolve(), METHOD);
  const call = (answer: () => Promise<unknown>) => {
    answers.push(answer);
    return handle({}, createCall()).catch(() => {});
  };
  return { call, text: () => registry.metrics() };
}

test('counts calls by result: ok, the reason of a refusal, else its kind, and internal', async () => {
  const { call, text } = await setUp();
  await call(async () => 'answer');
  await call(async () => 'answer');
  await call(() => Promise.reject(new AppError('not-found', 'nothing', { reason: 'NOTHING' })));
  await call(() => Promise.reject(new AppError('cancelled', 'gone')));
  await call(() => Promise.reject(new InternalError('internal error')));
  for (const [result, count] of [
    ['ok', 2],
    ['NOTHING', 1],
    ['cancelled', 1],
    ['internal', 1],
  ] as const) {
    expect(await text()).toContain(
      `grpc_server_calls_total{${LABELS},result="${result}",service="example"} ${count}\n`,
    );
  }
  expect(await text()).toContain(`grpc_server_call_seconds_count{service="example",${LABELS}} 5\n`);
});

test('counts the calls in flight, up to the end of each, also of a failed one', async () => {
  const { call, text } = await setUp();
  const running = async () => /grpc_server_calls_running\{service="example"\} (\d+)/.exec(await text())?.[1];
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const calls = [call(() => first.promise), call(() => second.promise)];
  expect(await running()).toBe('2');
  first.reject(new Error('no'));
  await calls[0];
  expect(await running()).toBe('1');
  second.resolve();
  await calls[1];
  expect(await running()).toBe('0');
});
