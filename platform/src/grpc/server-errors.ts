import { AppError } from '../errors/index.ts';
import type { Log } from '../telemetry/index.ts';
import type { Interceptor } from './handler.ts';
import { RpcError } from './rpc-error.ts';

/** An unexpected error, which was logged. The caller gets INTERNAL without details. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/**
 * Translates every error to AppError or InternalError. An AppError stays as it is. A failed call to a dependency
 * becomes `unavailable`. Any other error is logged with its stack and becomes InternalError.
 *
 * After the call's signal has aborted, an AppError still stays as it is, unless it is `unavailable`. Every other error
 * becomes `deadline-exceeded` or `cancelled`, and is not logged here.
 */
export function errors(log: Log, nowMs: () => number): Interceptor {
  return (next, method) => async (request, call) => {
    try {
      return await next(request, call);
    } catch (error) {
      if (call.signal.aborted && !(error instanceof AppError && error.kind !== 'unavailable')) {
        throw nowMs() >= call.deadlineMs
          ? new AppError('deadline-exceeded', 'the deadline passed before the call was complete', { cause: error })
          : new AppError('cancelled', 'the caller cancelled the call', { cause: error });
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
