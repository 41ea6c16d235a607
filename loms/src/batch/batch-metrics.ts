import { Counter, Gauge, Histogram, type Registry } from '@tally/platform/telemetry';

import type { UpdateFailure } from '../store/store.ts';

/** Creates the metrics of the batcher: batch sizes, failures and the length of the queue. */
export function createBatchMetrics(registry: Registry) {
  const registers = [registry];
  const sizes = new Histogram({
    name: 'loms_batch_commands',
    help: 'Commands in one transaction.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const failures = new Counter({
    name: 'loms_batch_failures_total',
    help: 'Batches that failed, by the kind of failure.',
    labelNames: ['failure'],
    registers,
  });
  return {
    onBatch(commands: number, failure?: UpdateFailure) {
      if (failure === undefined) sizes.observe(commands);
      else failures.labels(failure).inc();
    },
    watchQueue(countQueued: () => number) {
      const gauge: Gauge = new Gauge({
        name: 'loms_queued_commands',
        help: 'Commands in the queue.',
        registers,
        collect: () => gauge.set(countQueued()),
      });
    },
  };
}
