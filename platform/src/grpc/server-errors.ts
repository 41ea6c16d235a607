import { AppError } from '../errors/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { Interceptor } from './handler.ts';
import { RpcError } from './rpc-error.ts';

/** Thrown for what must not reach a caller; `toStatus` never sees it. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/**
 * Lets only AppError and InternalError through. A failed dependency becomes UNAVAILABLE, anything else is logged whole and
 * becomes INTERNAL. A failure after the deadline is the deadline's.
 */
export function errors(log: Log, nowMs: () => number): Interceptor {
  return (next, method) => async (request, call) => {
    try {
      return await next(request, call);
    } catch (error) {
      if (call.signal.aborted && !(error instanceof AppError && error.kind !== 'unavailable')) {
        throw nowMs() >= call.deadlineMs
          ? new AppError('deadline-exceeded', 'the deadline passed before the call was done', { cause: error })
          : new AppError('cancelled', 'the caller went away', { cause: error });
      }
      if (error instanceof AppError) throw error;
      if (error instanceof RpcError) {
        throw new AppError('unavailable', 'a service that this call needs does not answer', {
          reason: 'DEPENDENCY_UNAVAILABLE',
          retryAfterMs: 1000,
          cause: error,
        });
      }
      log.error({ method: method.name, error }, 'internal error');
      throw new InternalError('internal error', { cause: error });
    }
  };
}
