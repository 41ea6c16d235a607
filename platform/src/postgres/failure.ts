import { AppError } from '../errors/index.ts';

/**
 * Why a statement or transaction failed, as far as it matters for a retry.
 *
 * - `conflict`: another transaction was first (unique violation, deadlock, serialization failure). A retry may succeed.
 * - `timeout`: a lock, statement or transaction timeout, or the server did not answer in time.
 * - `data`: PostgreSQL refused a value (SQLSTATE classes 22 and 23, apart from unique violations).
 * - `lost`: there is no connection, or it broke. Whether a commit took effect is unknown.
 * - `bug`: any other error.
 */
export type PostgresFailure = 'conflict' | 'timeout' | 'data' | 'lost' | 'bug';

const CONFLICTS = new Set(['23505', '40001', '40P01']);
// query_canceled, lock_not_available, idle_in_transaction_session_timeout, transaction_timeout
const TIMEOUTS = new Set(['57014', '55P03', '25P03', '25P04']);
// The server is out of resources, starting, stopping, crashed, read-only, or lacks the database. It may recover.
const AWAY = new Set(['53100', '53200', '53300', '57P01', '57P02', '57P03', '57P05', '25006', '3D000', '58030']);
const LOST_MESSAGES =
  /connection terminated|connection ended|not queryable|timeout exceeded when trying to connect|client has encountered|socket/i;

/** Classifies an error of a query or transaction. For an AppError it classifies the cause. */
export function failureOf(error: unknown): PostgresFailure {
  const cause = error instanceof AppError ? error.cause : error;
  if (!(cause instanceof Error)) return 'bug';
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (CONFLICTS.has(code)) return 'conflict';
  if (TIMEOUTS.has(code) || cause.message === 'Query read timeout') return 'timeout';
  if (AWAY.has(code) || code.startsWith('08') || /^E[A-Z]+$/.test(code)) return 'lost';
  if (/^2[23]/.test(code)) return 'data';
  return LOST_MESSAGES.test(cause.message) ? 'lost' : 'bug';
}

/** Translates `lost` and `timeout` to AppError `unavailable`. Returns every other error as it is. */
export function toAppError(error: unknown): unknown {
  const failure = failureOf(error);
  if (error instanceof AppError || (failure !== 'lost' && failure !== 'timeout')) return error;
  return new AppError('unavailable', 'the database does not answer', {
    reason: 'DATABASE_UNAVAILABLE',
    retryAfterMs: 1000,
    cause: error,
  });
}
