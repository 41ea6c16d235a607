import { expect, test } from 'bun:test';

import { METHOD } from '../testing/calls.ts';
import { hopDeadline } from './client-deadline.ts';
import type { CallOptions } from './client-interceptor.ts';

const NOW_MS = 1_000_000;

/** Resolves with the options that reach the server, or rejects. */
const send = (options: CallOptions): Promise<CallOptions> =>
  hopDeadline(() => NOW_MS)(async (_, sent) => sent, METHOD)({}, options);

test('passes the deadline on 200 ms earlier, and leaves the other options alone', async () => {
  const { signal } = new AbortController();
  const headers = { name: 'value' };
  expect(await send({ deadlineMs: NOW_MS + 1000, signal, headers })).toEqual({
    deadlineMs: NOW_MS + 800,
    signal,
    headers,
  });
});

test('sets a deadline of 5 s less the margin when there is none', async () => {
  expect(await send({})).toEqual({ deadlineMs: NOW_MS + 4800 });
});

test('sends nothing when no more than the margin is left', async () => {
  expect(await send({ deadlineMs: NOW_MS + 201 })).toEqual({ deadlineMs: NOW_MS + 1 });
  for (const leftMs of [200, 0, -1000]) {
    await expect(send({ deadlineMs: NOW_MS + leftMs })).rejects.toMatchObject({ kind: 'deadline-exceeded' });
  }
});
