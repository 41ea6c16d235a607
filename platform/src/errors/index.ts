/** What an expected failure means to a caller. `platform/grpc` translates it to a status code in one table. */
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

/** A field of the request that is wrong: its path as in `item.count`, and what was expected. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Stable word for programs, in capitals: `EMPTY_CART`. */
  readonly reason?: string;
  /** The service that decided; a server fills in its own name where it is absent. */
  readonly domain?: string;
  /** The values that the refusal is about. */
  readonly values?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** When another try makes sense. Answered as google.rpc.RetryInfo. */
  readonly retryAfterMs?: number;
}

/**
 * An expected failure, whose message is for the caller.
 *
 * Anything else that is thrown counts as a bug: it is logged whole and answered as `internal error`.
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

/** The refusal of a request whose idempotency key was used before, with another request. */
export function keyReused(key: string): AppError {
  return new AppError('already-exists', `idempotency key '${key}' was used with another request: use a new key`, {
    reason: 'IDEMPOTENCY_KEY_REUSED',
    values: { key },
  });
}
