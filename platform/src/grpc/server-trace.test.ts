import { expect, test } from 'bun:test';

import { currentTraceparent, openTracing } from '../telemetry/index.ts';
import { METHOD, createCall } from '../testing/calls.ts';
import { trace } from './server-trace.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const handle = trace(openTracing('example').tracer)(async () => {
  const before = currentTraceparent();
  await Bun.sleep(1);
  return [before, currentTraceparent()];
}, METHOD);

test('the handler runs in the trace of its caller, also after it has waited', async () => {
  expect(await handle({}, createCall({ headers: { traceparent: TRACEPARENT } }))).toEqual([TRACEPARENT, TRACEPARENT]);
});

test('a missing or malformed traceparent does not fail the call', async () => {
  for (const headers of [{}, { traceparent: 'nonsense' }]) {
    expect(await handle({}, createCall({ headers }))).toEqual([undefined, undefined]);
  }
});
