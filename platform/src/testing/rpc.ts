import type { DescService } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import { AppError } from '../errors/index.ts';
import { type BoundService, type CallOptions, type Implementation, RpcError, bindService } from '../grpc/index.ts';
import { fromTrailers } from '../grpc/status.ts';

/** Returns the options of a call whose deadline is `timeoutMs` from now. */
export const withTimeout = (timeoutMs: number, headers: Record<string, string> = {}): CallOptions => ({
  deadlineMs: Date.now() + timeoutMs,
  headers,
});

/**
 * Sends bytes as the request of a unary call, whether or not they are a message. Resolves with the failure, or with
 * undefined when the call succeeded. The call ends after 5 s.
 */
export function sendRaw(address: string, path: string, bytes: Uint8Array): Promise<RpcError | undefined> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const same = (buffer: Buffer) => buffer;
  return new Promise<RpcError | undefined>((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(bytes), { deadline: Date.now() + 5000 }, (error) =>
      resolve(error === null ? undefined : fromTrailers(error.code, error.details, error.metadata, error)),
    );
  }).finally(() => client.close());
}

/** Resolves with the outcome of a call as a text: `OK`, or code and reason, such as `FAILED_PRECONDITION NOT_READY`. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  const error = await failureOfCall(call);
  return error === undefined ? 'OK' : [grpc.status[error.code], error.reason].filter(Boolean).join(' ');
}

/** Resolves with the RpcError of a call, or with undefined when the call succeeded. Rejects with any other error. */
export async function failureOfCall(call: Promise<unknown>): Promise<RpcError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}

/** Binds a service of which a test implements some rpcs. The others are refused with NOT_IMPLEMENTED. */
export function bindPartly<S extends DescService>(desc: S, rpcs: Partial<Implementation<S>>): BoundService {
  const refuse = async () => {
    throw new AppError('not-found', 'the test does not implement this rpc', { reason: 'NOT_IMPLEMENTED' });
  };
  const others = Object.fromEntries(Object.keys(desc.method).map((name) => [name, refuse]));
  return bindService(desc, { ...others, ...rpcs } as Implementation<S>);
}
