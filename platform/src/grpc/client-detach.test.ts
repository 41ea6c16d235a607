import { expect, test } from 'bun:test';

import { METHOD } from '../testing/calls.ts';
import { detach } from './client-detach.ts';

test('a detached call has a deadline of its own, no signal, and the headers of its caller', async () => {
  const send = detach(() => 1000, 500)(async (_, sent) => sent, METHOD);
  const { signal } = new AbortController();
  expect(await send({}, { signal, deadlineMs: 1001, headers: { name: 'value' } })).toEqual({
    deadlineMs: 1500,
    headers: { name: 'value' },
  });
  expect(await send({}, {})).toEqual({ deadlineMs: 1500 });
});

test('onSent is called before the call is sent', async () => {
  const order: string[] = [];
  const send = detach(Date.now, 500)(async () => void order.push('sent'), METHOD);
  await send({}, { onSent: () => order.push('onSent') });
  expect(order).toEqual(['onSent', 'sent']);
});
