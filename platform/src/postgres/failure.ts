import { AppError } from '../errors/index.ts';

/**
 * What a failed statement or transaction means to whoever may try again.
 *
 * - `conflict`: another transaction was first (unique violation, deadlock, serialization). Run it again.
 * - `timeout`: a lock, statement or transaction timeout, or the server did not answer in time.
 * - `data`: a value that PostgreSQL refuses (SQLSTATE classes 22 and 23, but for unique violations).
 * - `lost`: no connection, or it broke; whether a commit went through is unknown.
 * - `bug`: anything else.
 */
export type PostgresFailure = 'conflict' | 'timeout' | 'data' | 'lost' | 'bug';

const CONFLICTS = new Set(['23505', '40001', '40P01']);
// query_canceled, lock_not_available, idle_in_transaction_session_timeout, transaction_timeout
const TIMEOUTS = new Set(['57014', '55P03', '25P03', '25P04']);
// A server that has no room, starts, stops, crashed, only reads or lacks the database: it may come back.
const AWAY = new Set(['53100', '53200', '53300', '57P01', '57P02', '57P03', '57P05', '25006', '3D000', '58030']);
const LOST_MESSAGES =
  /connection terminated|connection ended|not queryable|timeout exceeded when trying to connect|client has encountered|socket/i;

/** Classifies an error of this folder; it looks through AppError to its cause. */
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

/** Makes a dead or slow database an expected failure; everything else stays as it was thrown. */
export function toAppError(error: unknown): unknown {
  const failure = failureOf(error);
  if (error instanceof AppError || (failure !== 'lost' && failure !== 'timeout')) return error;
  return new AppError('unavailable', 'the database does not answer', {
    reason: 'DATABASE_UNAVAILABLE',
    retryAfterMs: 1000,
    cause: error,
  });
}
