/** What an expected failure means to the caller. `platform/grpc` maps each kind to a gRPC status code. */
export type ErrorKind =
  | 'invalid-argument'
  | 'not-found'
  | 'failed-precondition'
  | 'already-exists'
  | 'resource-exhausted'
  | 'unauthenticated'
  | 'deadline-exceeded'
  | 'cancelled'
  | 'unavailable';

/** A wrong field of the request. */
export interface FieldViolation {
  /** Path of the field: `item.count`. */
  readonly field: string;
  /** What was expected. */
  readonly description: string;
}

/** Details of an expected failure. */
interface AppErrorOptions {
  readonly cause?: unknown;
  /** Stable word for programs, in capitals: `POOL_FULL`. */
  readonly reason?: string;
  /** Name of the service that decided to fail. A server sends its own name by default. */
  readonly domain?: string;
  /** What the failure is about, in a form that programs can read: `{ key: 'a-1' }`. */
  readonly values?: Readonly<Record<string, string>>;
  /** The wrong fields of a request that was refused as `invalid-argument`. */
  readonly violations?: readonly FieldViolation[];
  /** Milliseconds after which a retry makes sense. Sent as google.rpc.RetryInfo. */
  readonly retryAfterMs?: number;
}

/**
 * An expected failure. Its message is for the caller.
 *
 * An error of any other class counts as a bug: it is logged with its stack, and the caller gets `internal error`.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly kind: ErrorKind;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly values: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.reason = options.reason;
    this.domain = options.domain;
    this.values = options.values ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Returns the refusal of a request whose idempotency key was used before with another request. */
export function keyReused(key: string): AppError {
  return new AppError('already-exists', `idempotency key '${key}' was used with another request: use a new key`, {
    reason: 'IDEMPOTENCY_KEY_REUSED',
    values: { key },
  });
}
