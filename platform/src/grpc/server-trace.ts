import { SpanKind, type Tracer, fromTraceparent, inSpan } from '../telemetry/index.ts';
import { type Interceptor, pathOf } from './handler.ts';

/** Continues the caller's trace, or begins one, for as long as the call runs. */
export function trace(tracer: Tracer): Interceptor {
  return (next, method) => {
    const name = pathOf(method).slice(1);
    return (request, call) => {
      const parent = fromTraceparent(call.header('traceparent'));
      return inSpan(tracer, name, SpanKind.SERVER, parent, () => next(request, call));
    };
  };
}
