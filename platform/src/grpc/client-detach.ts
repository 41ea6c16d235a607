import type { ClientInterceptor } from './client-interceptor.ts';

/**
 * Detaches a call from its caller: it gets a deadline `timeoutMs` from now, and the caller's signal and deadline no
 * longer apply. Use it where the answer is worth keeping even if the caller has left. It also keeps callers that leave
 * together from cancelling many calls at once, for which a server may close the connection. `onSent` is called just
 * before the call is sent.
 */
export function detach(nowMs: () => number, timeoutMs: number): ClientInterceptor {
  return (next) =>
    (request, { onSent, headers }) => {
      onSent?.();
      return next(request, { deadlineMs: nowMs() + timeoutMs, ...(headers && { headers }) });
    };
}
