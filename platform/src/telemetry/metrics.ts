import { Registry, collectDefaultMetrics } from 'prom-client';

/**
 * A registry of one service. It measures the process as far as Bun tells the truth: CPU, memory, open files and the lag of
 * the event loop.
 */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  for (const name of MEANINGLESS_ON_BUN) registry.removeSingleMetric(name);
  return registry;
}

const MEANINGLESS_ON_BUN = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_gc_duration_seconds',
  'nodejs_heap_space_size_total_bytes',
  'nodejs_heap_space_size_used_bytes',
  'nodejs_heap_space_size_available_bytes',
];

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';
