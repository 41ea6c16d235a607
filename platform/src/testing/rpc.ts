import * as grpc from '@grpc/grpc-js';

import { RpcError } from '../grpc/index.ts';
import { fromTrailers } from '../grpc/status.ts';

/** Sends bytes as they are, also ones that are no message. Resolves with the failure, or undefined. */
export function sendRaw(address: string, path: string, bytes: Uint8Array): Promise<RpcError | undefined> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const same = (buffer: Buffer) => buffer;
  return new Promise<RpcError | undefined>((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(bytes), { deadline: Date.now() + 5000 }, (error) =>
      resolve(error === null ? undefined : fromTrailers(error.code, error.details, error.metadata, error)),
    );
  }).finally(() => client.close());
}

/** What a call failed with, as one short text: `FAILED_PRECONDITION EMPTY_CART`; `OK` when it did not. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  const error = await failureOfCall(call);
  return error === undefined ? 'OK' : [grpc.status[error.code], error.reason].filter(Boolean).join(' ');
}

/** The failure of a call; undefined when it succeeded. */
export async function failureOfCall(call: Promise<unknown>): Promise<RpcError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}
