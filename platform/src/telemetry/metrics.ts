import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';

import { tallyVersion } from '../version/index.ts';

/**
 * Creates the registry of one service, whose name labels every metric. It holds `tally_build_info` and the metrics of
 * the process that are right on Bun: CPU, memory, open files and the lag of the event loop.
 */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  for (const name of MEANINGLESS_ON_BUN) registry.removeSingleMetric(name);
  // The labels name the build, and the value says nothing. OpenMetrics calls this type Info; prom-client lacks it.
  new Gauge({
    name: 'tally_build_info',
    help: 'Version of Tally and of Bun; the value is always 1',
    labelNames: ['version', 'bun'],
    registers: [registry],
  }).set({ version: tallyVersion(), bun: Bun.version }, 1);
  return registry;
}

// Default metrics that are zero or wrong on Bun.
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
