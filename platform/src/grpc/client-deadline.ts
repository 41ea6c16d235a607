import { RpcError, Code } from './rpc-error.ts';
import type { ClientInterceptor } from './client.ts';

/** What a hop keeps of its caller's deadline for its own answer. */
export const HOP_MARGIN_MS = 200;
const DEFAULT_DEADLINE_MS = 5_000;

/** Passes on what is left of the caller's deadline less this hop's margin; nothing is sent when nothing is left. */
export function hopDeadline(nowMs: () => number): ClientInterceptor {
  return (next) => async (request, options) => {
    const deadlineMs = (options.deadlineMs ?? nowMs() + DEFAULT_DEADLINE_MS) - HOP_MARGIN_MS;
    if (deadlineMs <= nowMs()) {
      throw new RpcError({ code: Code.DEADLINE_EXCEEDED, message: 'too little time is left to send this call' });
    }
    return next(request, { ...options, deadlineMs });
  };
}
