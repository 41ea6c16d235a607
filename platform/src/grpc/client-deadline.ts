import { AppError } from '../errors/index.ts';
import type { ClientInterceptor } from './client-interceptor.ts';

const HOP_MARGIN_MS = 200;
const DEFAULT_DEADLINE_MS = 5_000;

/**
 * Passes the caller's deadline on, 200 ms earlier, so that this service can still answer after a timeout. A caller
 * without a deadline is treated like one that has 5 s left. When no time is left, nothing is sent and the call fails as
 * `deadline-exceeded`: the caller gave too little time, and the other service is not to blame.
 */
export function hopDeadline(nowMs: () => number): ClientInterceptor {
  return (next) => async (request, options) => {
    const deadlineMs = (options.deadlineMs ?? nowMs() + DEFAULT_DEADLINE_MS) - HOP_MARGIN_MS;
    if (deadlineMs <= nowMs()) {
      throw new AppError('deadline-exceeded', 'too little time is left to call the services that this call needs');
    }
    return next(request, { ...options, deadlineMs });
  };
}
