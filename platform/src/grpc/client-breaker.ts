import type { Breaker, BreakerVerdict } from '../concurrency/index.ts';
import type { ClientInterceptor } from './client-interceptor.ts';
import { Code, RpcError } from './rpc-error.ts';

/**
 * Fails calls at once with BreakerOpenError while the breaker is open. List it before the interceptors that let calls
 * wait, such as `limit`, so that a call that would fail does not wait first. List `watch`, which tells the breaker the
 * outcome of the calls, after them.
 */
export function refuseWhileOpen(breaker: Breaker): ClientInterceptor {
  return (next) => async (request, options) => {
    breaker.check();
    return next(request, options);
  };
}

/** Runs every call through the breaker. A call that waited in an interceptor while the breaker opened is not sent. */
export function watch(breaker: Breaker): ClientInterceptor {
  return (next) => (request, options) => breaker.run(() => next(request, options));
}

/**
 * Judges errors of calls for `createBreaker`. Any answer of the server is a success, refusals included; UNAVAILABLE and
 * DEADLINE_EXCEEDED are failures; an error that is no RpcError is unrelated, because nothing was sent.
 */
export function judgeCall(error: unknown): BreakerVerdict {
  if (!(error instanceof RpcError)) return 'unrelated';
  return error.code === Code.UNAVAILABLE || error.code === Code.DEADLINE_EXCEEDED ? 'failure' : 'success';
}
