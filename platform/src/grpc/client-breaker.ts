import type { Breaker, BreakerVerdict } from '../concurrency/index.ts';
import type { ClientInterceptor } from './client.ts';
import { Code, RpcError } from './rpc-error.ts';

/**
 * Fails at once with BreakerOpenError while the other side stays away. Stands before what makes a call wait, such as
 * `limit`; the calls themselves are watched by `watch`, behind it.
 */
export function refuseWhileOpen(breaker: Breaker): ClientInterceptor {
  return (next) => async (request, options) => {
    breaker.check();
    return next(request, options);
  };
}

/** Every call passes the breaker, which learns from its end. Those that waited while it opened are not sent. */
export function watch(breaker: Breaker): ClientInterceptor {
  return (next) => (request, options) => breaker.run(() => next(request, options));
}

/** For `createBreaker`: an answer of any kind is one; only silence and no connection are not. */
export function judgeCall(error: unknown): BreakerVerdict {
  if (!(error instanceof RpcError)) return 'unrelated';
  return error.code === Code.UNAVAILABLE || error.code === Code.DEADLINE_EXCEEDED ? 'failure' : 'success';
}
