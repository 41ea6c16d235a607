import type { DescMethodUnary } from '@bufbuild/protobuf';
import { Health } from '@tally/proto/grpc/health';

import type { Call } from '../grpc/handler.ts';

/** A unary method, for tests of interceptors: `grpc.health.v1.Health/Check`. */
export const METHOD: DescMethodUnary = Health.method.check;

/** Creates an incoming call without a transport. By default its deadline is never reached, and it is not cancelled. */
export function createCall({
  headers = {},
  ...parts
}: Partial<Pick<Call, 'signal' | 'deadlineMs'>> & { readonly headers?: Readonly<Record<string, string>> } = {}): Call {
  return {
    signal: new AbortController().signal,
    deadlineMs: Number.MAX_SAFE_INTEGER,
    header: (name) => headers[name],
    ...parts,
  };
}
