import { AppError } from '../errors/index.ts';
import type { Call } from './handler.ts';

const KEY = /^[!-~]{1,255}$/;

/** The call's idempotency key. Undefined without one; a malformed one is refused: 1 to 255 visible ASCII characters. */
export function idempotencyKey(call: Call): string | undefined {
  const key = call.header('idempotency-key');
  if (key === undefined || KEY.test(key)) return key;
  const description = 'must be 1 to 255 visible ASCII characters';
  throw new AppError('invalid-argument', `idempotency-key: ${description}`, {
    reason: 'INVALID_REQUEST',
    violations: [{ field: 'idempotency-key', description }],
  });
}
