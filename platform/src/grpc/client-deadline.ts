import { AppError } from '../errors/index.ts';
import type { ClientInterceptor } from './client.ts';

/** What a hop keeps of its caller's deadline for its own answer. */
export const HOP_MARGIN_MS = 200;
const DEFAULT_DEADLINE_MS = 5_000;

/**
 * Passes on what is left of the caller's deadline less this hop's margin. When nothing is left nothing is sent: the call
 * fails as deadline-exceeded, which is the caller's own doing and not the other service's.
 */
export function hopDeadline(nowMs: () => number): ClientInterceptor {
  return (next) => async (request, options) => {
    const deadlineMs = (options.deadlineMs ?? nowMs() + DEFAULT_DEADLINE_MS) - HOP_MARGIN_MS;
    if (deadlineMs <= nowMs()) {
      throw new AppError('deadline-exceeded', 'too little time is left to ask the services that this call needs');
    }
    return next(request, { ...options, deadlineMs });
  };
}
