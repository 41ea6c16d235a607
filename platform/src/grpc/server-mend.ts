import * as grpc from '@grpc/grpc-js';

import { AppError } from '../errors/index.ts';
import { toStatus, toTrailers } from './status.ts';

/*
  grpc-js answers some calls by itself, before there is a request that a handler could see. Such a call appears neither
  in the metrics nor in the log. Two of these answers are INTERNAL although the caller is at fault. `mendStatus`
  corrects them.

  Others stay as they are because gRPC specifies them: RESOURCE_EXHAUSTED for a message above the size limit (before or
  after decompression), and UNIMPLEMENTED for an unknown encoding and for a call that sends no message or more than one.
  One answer stays because only grpc-js could correct it: grpc-js counts a timeout in 32 bits, so a call with a timeout
  of 25 to 49 days ends at once.
*/
type PartialStatus = Parameters<grpc.ServerInterceptingCallInterface['sendStatus']>[0];

const MALFORMED = [/^Failed to decompress message$/, /^Invalid grpc-timeout value /];

/** Answers INVALID_ARGUMENT, with details, to a body that cannot be decompressed and to an invalid timeout. */
export function mendStatus(domain: string): grpc.ServerInterceptor {
  return (_method, call) => {
    const send = call.sendStatus.bind(call);
    // grpc-js sends these statuses without asking the interceptors, so the call itself is changed.
    call.sendStatus = (status) => send(isMalformed(status) ? toMalformed(status.details, domain) : status);
    return new grpc.ServerInterceptingCall(call);
  };
}

const isMalformed = ({ code, details }: PartialStatus) =>
  code === grpc.status.INTERNAL && MALFORMED.some((pattern) => pattern.test(details ?? ''));

function toMalformed(details: string | null, domain: string): PartialStatus {
  const error = new AppError('invalid-argument', details ?? '', { reason: 'MALFORMED_REQUEST' });
  const status = toStatus(error, domain);
  return { code: status.code, details: status.message, metadata: toTrailers(status) };
}
