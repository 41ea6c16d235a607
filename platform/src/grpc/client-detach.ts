import type { ClientInterceptor } from './client-interceptor.ts';

/**
 * Detaches a call from its caller: it gets a deadline `timeoutMs` from now, and the caller's signal and deadline no longer
 * apply. It is for calls whose answer is worth keeping when the caller has left. A server also closes a connection on
 * which many calls are cancelled at once. `onSent` is called just before the call is sent.
 */
export function detach(nowMs: () => number, timeoutMs: number): ClientInterceptor {
  return (next) =>
    (request, { onSent, headers }) => {
      onSent?.();
      return next(request, { deadlineMs: nowMs() + timeoutMs, ...(headers && { headers }) });
    };
}
