import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack, durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@tally/proto/google/rpc/error_details';
import { type Status, StatusSchema } from '@tally/proto/google/rpc/status';
import { Metadata, status as Code } from '@grpc/grpc-js';

import type { AppError, ErrorKind } from '../errors/index.ts';
import { RpcError } from './rpc-error.ts';

/** The gRPC code of each kind of error. */
const CODES: Record<ErrorKind, Code> = {
  'invalid-argument': Code.INVALID_ARGUMENT,
  'not-found': Code.NOT_FOUND,
  'failed-precondition': Code.FAILED_PRECONDITION,
  'already-exists': Code.ALREADY_EXISTS,
  'resource-exhausted': Code.RESOURCE_EXHAUSTED,
  unauthenticated: Code.UNAUTHENTICATED,
  'deadline-exceeded': Code.DEADLINE_EXCEEDED,
  cancelled: Code.CANCELLED,
  unavailable: Code.UNAVAILABLE,
};

/** The trailer that carries google.rpc.Status. */
const DETAILS_KEY = 'grpc-status-details-bin';

// Details are sent in trailers, and many clients accept no more than 8 KB of them.
const MAX_DETAIL_ENTRIES = 20;
const MAX_DETAIL_TEXT_CHARS = 200;

/** Translates an error to the status that the caller sees. `domain` is used when the error names no service itself. */
export function toStatus(error: AppError, domain: string): Status {
  const details: Any[] = [];
  const metadata = { ...error.values };
  const { violations } = error;
  if (violations.length > 0) {
    const fieldViolations = violations.slice(0, MAX_DETAIL_ENTRIES).map(({ field, description }) => ({
      field: field.slice(0, MAX_DETAIL_TEXT_CHARS),
      description: description.slice(0, MAX_DETAIL_TEXT_CHARS),
    }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
    metadata['violations'] = String(violations.length);
  }
  const reason = error.reason ?? error.kind.toUpperCase().replaceAll('-', '_');
  const info = create(ErrorInfoSchema, { reason, domain: error.domain ?? domain, metadata });
  details.unshift(anyPack(ErrorInfoSchema, info));
  if (error.retryAfterMs !== undefined) {
    const retryInfo = create(RetryInfoSchema, { retryDelay: durationFromMs(error.retryAfterMs) });
    details.push(anyPack(RetryInfoSchema, retryInfo));
  }
  return create(StatusSchema, { code: CODES[error.kind], message: error.message, details });
}

/** Encodes a status as the trailers of a call. */
export function toTrailers(status: Status): Metadata {
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, status)));
  return metadata;
}

/** Translates the code and trailers of a failed call to RpcError. Details that cannot be read are left out. */
export function fromTrailers(code: Code, message: string, metadata: Metadata | undefined, cause: unknown): RpcError {
  const [bytes] = metadata?.get(DETAILS_KEY) ?? [];
  const parts: ConstructorParameters<typeof RpcError>[0] = { code, message, cause };
  if (!(bytes instanceof Buffer)) return new RpcError(parts);
  try {
    for (const detail of fromBinary(StatusSchema, bytes).details) {
      const info = anyUnpack(detail, ErrorInfoSchema);
      if (info) Object.assign(parts, { reason: info.reason, domain: info.domain, values: info.metadata });
      const bad = anyUnpack(detail, BadRequestSchema);
      if (bad) Object.assign(parts, { violations: bad.fieldViolations });
      const retry = anyUnpack(detail, RetryInfoSchema);
      if (retry?.retryDelay) Object.assign(parts, { retryAfterMs: durationMs(retry.retryDelay) });
    }
  } catch {
    // The code alone is enough.
  }
  return new RpcError(parts);
}
