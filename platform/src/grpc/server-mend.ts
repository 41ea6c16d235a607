import * as grpc from '@grpc/grpc-js';

import { AppError } from '../errors/index.ts';
import { toStatus, toTrailers } from './status.ts';

/*
  What grpc-js answers by itself, before there is a request that a handler could see. Such a call is in neither metrics nor
  log, and nothing of it has run. Two of those answers are INTERNAL where the caller is to blame.

  Left as they are, since gRPC itself says so: RESOURCE_EXHAUSTED above the size limit (also once decompressed), and
  UNIMPLEMENTED for an encoding that nobody knows and for none or several messages. Left because only grpc-js could mend it:
  it counts a timeout in 32 bits, so one of 25 to 49 days has passed at once.
*/
type PartialStatus = Parameters<grpc.ServerInterceptingCallInterface['sendStatus']>[0];

const MALFORMED = [/^Failed to decompress message$/, /^Invalid grpc-timeout value /];

/** Answers INVALID_ARGUMENT, with details, to a body that is not what its encoding says and to a timeout that is none. */
export function mendStatus(domain: string): grpc.ServerInterceptor {
  return (_method, call) => {
    const send = call.sendStatus.bind(call);
    // The call itself, since grpc-js asks no interceptor about these.
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
