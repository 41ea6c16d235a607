import type { status as Code } from '@grpc/grpc-js';

import type { FieldViolation } from '../errors/index.ts';

/**
 * A failed call to another service. It has a reason and a domain when that service decided to fail it. A failure of the
 * transport has only a code.
 *
 * If a handler does not catch it, its own caller gets UNAVAILABLE, because the codes of a dependency mean nothing
 * there.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: Code;
  readonly reason: string | undefined;
  /** Name of the service that decided to fail the call. */
  readonly domain: string | undefined;
  readonly values: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  /** Milliseconds after which a retry makes sense, if the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(parts: {
    code: Code;
    message: string;
    cause?: unknown;
    reason?: string;
    domain?: string;
    values?: Record<string, string>;
    violations?: readonly FieldViolation[];
    retryAfterMs?: number;
  }) {
    super(parts.message, { cause: parts.cause });
    this.code = parts.code;
    this.reason = parts.reason;
    this.domain = parts.domain;
    this.values = parts.values ?? {};
    this.violations = parts.violations ?? [];
    this.retryAfterMs = parts.retryAfterMs;
  }
}

export { status as Code } from '@grpc/grpc-js';
