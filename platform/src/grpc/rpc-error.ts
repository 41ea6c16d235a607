import type { status as Code } from '@grpc/grpc-js';

import type { FieldViolation } from '../errors/index.ts';

/**
 * A call to another service that failed, as its caller sees it.
 *
 * `domain` is set only when that service itself decided; a transport's failure has a code and nothing else. Left alone, it
 * becomes UNAVAILABLE for our own caller: a dependency's codes are not ours.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: Code;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly values: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
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
