import type { SpanKind } from '@opentelemetry/api';
import { type Context, SpanStatusCode, type Tracer, context, propagation, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

/** The source of spans of one service. Disposing it sends the spans that are left, for at most 2 s. */
interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
}

const FLUSH_LIMIT_MS = 2_000;

/**
 * Opens the tracing of one service. With an OTLP endpoint its spans are sent in batches. Without one no spans are
 * recorded, but an incoming traceparent is still passed on.
 */
export function openTracing(service: string, otlpEndpoint?: string): Tracing {
  installOnce();
  if (otlpEndpoint === undefined) {
    return { tracer: trace.getTracer(service), [Symbol.asyncDispose]: async () => {} };
  }
  const exporter = new OTLPTraceExporter({ url: `${otlpEndpoint.replace(/\/$/, '')}/v1/traces` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  return {
    tracer: provider.getTracer(service),
    // A collector that is away must not delay a shutdown. The exporter would retry for 8 s.
    [Symbol.asyncDispose]: () => Promise.race([provider.shutdown().catch(() => {}), Bun.sleep(FLUSH_LIMIT_MS)]),
  };
}

/** Sets the context manager and the propagator of the process. OpenTelemetry ignores every call after the first. */
function installOnce(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

/** Returns the W3C traceparent of the current context, or undefined outside of a trace. */
export function currentTraceparent(): string | undefined {
  return toTraceparent(context.active());
}

/** Returns the W3C traceparent of a context, or undefined when it has no span. */
function toTraceparent(ctx: Context): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(ctx, carrier);
  return carrier.traceparent;
}

/** Returns the context that a traceparent names, or the current context when there is no valid traceparent. */
export function fromTraceparent(traceparent: string | undefined): Context {
  return traceparent === undefined ? context.active() : propagation.extract(context.active(), { traceparent });
}

/** Runs `work` in a new span below `parent`. The span has status ERROR when the work rejects. */
export async function inSpan<T>(
  tracer: Tracer,
  name: string,
  kind: SpanKind,
  parent: Context,
  work: () => Promise<T>,
): Promise<T> {
  const span = tracer.startSpan(name, { kind }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), work);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

export { SpanKind, type Tracer } from '@opentelemetry/api';
