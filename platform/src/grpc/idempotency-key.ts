import { AppError } from '../errors/index.ts';
import type { Call } from './handler.ts';

const KEY = /^[!-~]{1,255}$/;

/**
 * Returns the call's idempotency key, or undefined when it has none. A key that is not 1 to 255 visible ASCII
 * characters is refused as `invalid-argument`.
 */
export function idempotencyKey(call: Call): string | undefined {
  const key = call.header('idempotency-key');
  if (key === undefined || KEY.test(key)) return key;
  const description = 'must be 1 to 255 visible ASCII characters';
  throw new AppError('invalid-argument', `idempotency-key: ${description}`, {
    reason: 'INVALID_REQUEST',
    violations: [{ field: 'idempotency-key', description }],
  });
}
