import type { ClientInterceptor } from './client.ts';

/**
 * From here on the call is on its own: it has a deadline of its own, and its caller's signal no longer cancels it. For
 * calls whose answer is worth keeping; bursts of cancels kill an HTTP/2 session.
 */
export function detach(nowMs: () => number, timeoutMs: number): ClientInterceptor {
  return (next) =>
    (request, { onSent, headers }) => {
      onSent?.();
      return next(request, { deadlineMs: nowMs() + timeoutMs, ...(headers && { headers }) });
    };
}
