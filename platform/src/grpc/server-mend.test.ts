import { expect, test } from 'bun:test';

import * as grpc from '@grpc/grpc-js';

import { METHOD } from '../testing/calls.ts';
import { mendStatus } from './server-mend.ts';
import { fromTrailers } from './status.ts';

type Status = Parameters<grpc.ServerInterceptingCallInterface['sendStatus']>[0];

/** Returns the status that leaves the server when grpc-js sends this one. */
function mend(code: grpc.status, details: string): Status {
  let sent: Status | undefined;
  const call = { sendStatus: (status: Status) => (sent = status) } as unknown as grpc.ServerInterceptingCallInterface;
  mendStatus('example')(METHOD as never, call);
  call.sendStatus({ code, details });
  if (sent === undefined) throw new Error('no status was sent');
  return sent;
}

for (const details of ['Failed to decompress message', 'Invalid grpc-timeout value "soon"']) {
  test(`INTERNAL because of '${details}' becomes INVALID_ARGUMENT with details`, () => {
    const { code, metadata } = mend(grpc.status.INTERNAL, details);
    expect(code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(fromTrailers(grpc.status.INVALID_ARGUMENT, details, metadata ?? undefined, undefined)).toMatchObject({
      reason: 'MALFORMED_REQUEST',
      domain: 'example',
    });
  });
}

test('any other status stays as it is', () => {
  for (const [code, details] of [
    [grpc.status.INTERNAL, 'internal error'],
    [grpc.status.RESOURCE_EXHAUSTED, 'Failed to decompress message'],
    [grpc.status.OK, ''],
  ] as const) {
    expect(mend(code, details)).toEqual({ code, details });
  }
});
