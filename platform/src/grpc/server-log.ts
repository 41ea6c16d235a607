import { AppError } from '../errors/index.ts';
import type { Log } from '../telemetry/index.ts';
import { type Interceptor, nameOf } from './handler.ts';

/** Logs each call at level `debug`, and a call that failed as `unavailable` at level `warn`, with the causes. */
export function logCalls(log: Log): Interceptor {
  return (next, method) => {
    const name = nameOf(method);
    return async (request, call) => {
      const startedMs = performance.now();
      try {
        const response = await next(request, call);
        if (log.isLevelEnabled('debug'))
          log.debug({ method: name, ms: performance.now() - startedMs }, 'call answered');
        return response;
      } catch (error) {
        if (error instanceof AppError) {
          const line = { method: name, ms: performance.now() - startedMs, kind: error.kind, reason: error.reason };
          if (error.kind === 'unavailable') log.warn({ ...line, because: causesOf(error) }, 'call refused');
          else log.debug(line, 'call refused');
        }
        throw error;
      }
    };
  };
}

/** Returns the messages of the causes. An expected failure is logged without stacks. */
function causesOf(error: Error): string[] {
  const causes: string[] = [];
  for (let { cause } = error; cause instanceof Error; cause = cause.cause) causes.push(cause.message);
  return causes;
}
