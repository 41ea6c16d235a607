import type { SpanKind } from '@opentelemetry/api';
import { type Context, SpanStatusCode, type Tracer, context, propagation, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
}

const FLUSH_LIMIT_MS = 2_000;

/**
 * Traces of one service.
 *
 * With an OTLP endpoint its spans go out in batches. Without one no span is made, yet an incoming traceparent still
 * travels on. Dispose it to send what is left.
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
    // A collector that is away must not hold a shutdown up: the exporter alone would try for 8 s.
    [Symbol.asyncDispose]: () => Promise.race([provider.shutdown().catch(() => {}), Bun.sleep(FLUSH_LIMIT_MS)]),
  };
}

/** Context and propagation are global in OpenTelemetry; a process with several services shares them. */
function installOnce(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

/** The W3C traceparent of what is running now; undefined outside a trace. */
export function currentTraceparent(): string | undefined {
  return toTraceparent(context.active());
}

export function toTraceparent(ctx: Context): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(ctx, carrier);
  return carrier.traceparent;
}

/** The context that a traceparent names; the root where it names none. */
export function fromTraceparent(traceparent: string | undefined): Context {
  return traceparent === undefined ? context.active() : propagation.extract(context.active(), { traceparent });
}

/** Runs `work` in a span of its own below `parent`, which fails when `work` does. */
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
