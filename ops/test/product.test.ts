import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';

import { openGrpcClient } from '@tally/platform/grpc';
import { openTracing } from '@tally/platform/telemetry';
import { outcomeOf, range, withTimeout } from '@tally/platform/testing';
import { ProductService } from '@tally/proto/product';

import { type RunningProduct, start } from '../product/app.ts';
import { readProductConfig } from '../product/config.ts';
import { readConfig } from '@tally/platform/config';

let product: RunningProduct;
const stack = new AsyncDisposableStack();

const toConfig = (env: Record<string, string>) =>
  readConfig(
    { PRODUCT_GRPC_PORT: '0', PRODUCT_HTTP_PORT: '0', PRODUCT_TOKEN: 'testtoken', LOG_LEVEL: 'silent', ...env },
    readProductConfig,
  );
const open = (port: number) =>
  stack.use(openGrpcClient(ProductService, { addresses: [`127.0.0.1:${port}`], tracer: openTracing('test').tracer }));

beforeAll(async () => {
  product = stack.use(await start(toConfig({ PRODUCT_MAX_CALLS_PER_SECOND: '1000' })));
});
beforeEach(() => void product.control({ latencyMs: 0, fault: 'none', faultRate: 0 }));
afterAll(() => stack.disposeAsync());

const post = (path: string, body: string) =>
  fetch(`http://127.0.0.1:${product.httpPort}${path}`, { method: 'POST', body });

test('the stand-in answers over gRPC: a product, an unknown sku, a wrong token, a sku out of bounds', async () => {
  const client = open(product.grpcPort);
  const ask = (sku: number, token = 'testtoken') => client.getProduct({ sku, token }, withTimeout(2000));
  expect(await ask(1076963)).toMatchObject({ name: 'Enamel kettle', price: 3379 });
  expect(await outcomeOf(ask(5))).toBe('NOT_FOUND UNKNOWN_SKU');
  expect(await outcomeOf(ask(1076963, 'other'))).toBe('UNAUTHENTICATED WRONG_TOKEN');
  expect(await outcomeOf(ask(0))).toBe('INVALID_ARGUMENT INVALID_REQUEST');
  const { skus } = await client.listSkus({ token: 'testtoken', startAfterSku: 1148162, count: 2 }, withTimeout(2000));
  expect(skus).toEqual([1625903, 2618151]);
});

test('the stand-in answers the same over HTTP', async () => {
  const found = await post('/get_product', '{"token":"testtoken","sku":1076963}');
  expect([found.status, await found.json()]).toEqual([200, { name: 'Enamel kettle', price: 3379 }]);
  const statuses = await Promise.all([
    post('/get_product', '{"token":"testtoken","sku":5}'),
    post('/get_product', '{"token":"other","sku":1076963}'),
    post('/get_product', '{"token":"testtoken","sku":0}'),
    post('/get_product', 'no json'),
    post('/get_product', '{"sku":"many"}'),
    post('/nowhere', '{}'),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual([404, 401, 400, 400, 400, 404]);
  const list = await post('/list_skus', '{"token":"testtoken","start_after_sku":4000000000,"count":5}');
  expect(await list.json()).toEqual({ skus: [] });
});

test('calls above the limit of a second are refused and shown on the page', async () => {
  await using limited = await start(toConfig({ PRODUCT_MAX_CALLS_PER_SECOND: '3' }));
  const client = open(limited.grpcPort);
  const outcomes = await Promise.all(
    range(12).map(() => outcomeOf(client.getProduct({ sku: 1076963, token: 'testtoken' }, withTimeout(2000)))),
  );
  expect(outcomes.filter((outcome) => outcome.startsWith('RESOURCE_EXHAUSTED')).length).toBeGreaterThanOrEqual(6);
  const seconds = limited.seconds();
  expect(seconds.reduce((sum, { calls }) => sum + calls, 0)).toBe(12);
  const page = await (await fetch(`http://127.0.0.1:${limited.httpPort}/`)).text();
  expect(page).toContain('12 in the last');
});

test('a fault can be switched on over HTTP, and an invalid one is refused', async () => {
  const client = open(product.grpcPort);
  const ask = () => client.getProduct({ sku: 1076963, token: 'testtoken' }, withTimeout(300));
  await post('/control', '{"fault":"unavailable","faultRate":1}');
  expect(await outcomeOf(ask())).toStartWith('UNAVAILABLE');
  await post('/control', '{"fault":"hang"}');
  expect(await outcomeOf(ask())).toStartWith('DEADLINE_EXCEEDED');
  await post('/control', '{"fault":"wrong name"}');
  expect((await ask()).name).toContain('\0');
  const nonsense = await post('/control', '{"fault":"fire","latencyMs":-1,"mood":1}');
  expect(nonsense.status).toBe(400);
  expect(await nonsense.json()).toEqual({
    message:
      'unknown field \'mood\'; latencyMs is -1: expected 0 to 60000; fault is "fire": expected one of none, unavailable, hang, wrong name',
  });
});

test('the stand-in generates as many products as configured', async () => {
  await using large = await start(toConfig({ PRODUCT_GENERATED: '1000' }));
  const { skus } = await open(large.grpcPort).listSkus(
    { token: 'testtoken', startAfterSku: 0, count: 5000 },
    withTimeout(2000),
  );
  expect(skus).toHaveLength(1000);
});
