import { expect, test } from 'bun:test';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';

import { ProductService } from '@tally/proto/product';

import { openGrpcClient } from '../src/grpc/index.ts';
import { openTracing } from '../src/telemetry/index.ts';
import { outcomeOf } from '../src/testing/index.ts';

test('an HTTP status of 420 or 429 from a proxy is RESOURCE_EXHAUSTED, any other is UNAVAILABLE', async () => {
  const statuses = [420, 429, 503];
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': statuses.shift() ?? 500, 'content-type': 'text/plain' });
    stream.end('no');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { tracer } = openTracing('test');
  const client = openGrpcClient(ProductService, { addresses: [`127.0.0.1:${port}`], tracer });
  const ask = () => outcomeOf(client.getProduct({ token: 'a', sku: 1 }, { deadlineMs: Date.now() + 2000 }));
  expect([await ask(), await ask(), await ask()]).toEqual(['RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE']);
  await client[Symbol.asyncDispose]();
  server.close();
});
