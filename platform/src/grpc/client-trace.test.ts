import { expect, test } from 'bun:test';

import { SpanKind, fromTraceparent, inSpan, openTracing } from '../telemetry/index.ts';
import { METHOD } from '../testing/calls.ts';
import type { CallOptions } from './client-interceptor.ts';
import { traceCalls } from './client-trace.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const { tracer } = openTracing('example');
const send = traceCalls(tracer)(async (_, sent): Promise<CallOptions> => sent, METHOD);

test('a call within a trace carries its traceparent, next to the headers of the caller', async () => {
  const { headers } = await inSpan(tracer, 'parent', SpanKind.SERVER, fromTraceparent(TRACEPARENT), () =>
    send({}, { headers: { name: 'value' } }),
  );
  expect(headers).toEqual({ name: 'value', traceparent: TRACEPARENT });
});

test('a call outside of a trace carries none', async () => {
  const options = { headers: { name: 'value' } };
  expect(await send({}, options)).toBe(options);
});
