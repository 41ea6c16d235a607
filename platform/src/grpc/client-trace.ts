import { context } from '@opentelemetry/api';

import { SpanKind, type Tracer, currentTraceparent, inSpan } from '../telemetry/index.ts';
import type { ClientInterceptor } from './client-interceptor.ts';
import { nameOf } from './handler.ts';

/** Runs each call in a client span, and sends the span's `traceparent` with it. */
export function traceCalls(tracer: Tracer): ClientInterceptor {
  return (next, method) => (request, options) =>
    inSpan(tracer, nameOf(method), SpanKind.CLIENT, context.active(), () => {
      const traceparent = currentTraceparent();
      if (traceparent === undefined) return next(request, options);
      return next(request, { ...options, headers: { ...options.headers, traceparent } });
    });
}
