import { AppError } from '../errors/index.ts';
import { Counter, Gauge, Histogram, type Registry } from '../telemetry/index.ts';
import { type Interceptor, nameOf } from './handler.ts';

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts calls by method and result, measures their duration, and counts the calls in flight. */
export function metrics(registry: Registry): Interceptor {
  const registers = [registry];
  const calls = new Counter({
    name: 'grpc_server_calls_total',
    help: 'Calls answered, by method and result.',
    labelNames: ['method', 'result'],
    registers,
  });
  const seconds = new Histogram({
    name: 'grpc_server_call_seconds',
    help: 'Time to answer a call.',
    labelNames: ['method'],
    buckets: BUCKETS_SECONDS,
    registers,
  });
  const running = new Gauge({ name: 'grpc_server_calls_running', help: 'Calls in flight.', registers });

  return (next, method) => {
    const name = nameOf(method);
    const duration = seconds.labels(name);
    const ok = calls.labels(name, 'ok');
    return async (request, call) => {
      running.inc();
      const startedMs = performance.now();
      try {
        const response = await next(request, call);
        ok.inc();
        return response;
      } catch (error) {
        calls.labels(name, error instanceof AppError ? (error.reason ?? error.kind) : 'internal').inc();
        throw error;
      } finally {
        running.dec();
        duration.observe((performance.now() - startedMs) / 1000);
      }
    };
  };
}
