import { SpanKind, type Tracer, fromTraceparent, inSpan } from '../telemetry/index.ts';
import { type Interceptor, nameOf } from './handler.ts';

/** Runs the call in a server span, which continues the caller's trace or begins a new one. */
export function trace(tracer: Tracer): Interceptor {
  return (next, method) => {
    const name = nameOf(method);
    return (request, call) => {
      const parent = fromTraceparent(call.header('traceparent'));
      return inSpan(tracer, name, SpanKind.SERVER, parent, () => next(request, call));
    };
  };
}
