import { Counter, Gauge, Histogram, type Registry } from '@tally/platform/telemetry';

import type { UpdateFailure } from '../store/store.ts';

/** What the batcher shows of itself. */
export function createBatchWatch(registry: Registry) {
  const registers = [registry];
  const sizes = new Histogram({
    name: 'loms_batch_commands',
    help: 'Commands of a transaction.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const failures = new Counter({
    name: 'loms_batch_failures_total',
    help: 'Batches that had to run again, by why.',
    labelNames: ['failure'],
    registers,
  });
  return {
    onBatch(commands: number, failure?: UpdateFailure) {
      if (failure === undefined) sizes.observe(commands);
      else failures.labels(failure).inc();
    },
    queue(queuedCommands: () => number) {
      const gauge: Gauge = new Gauge({
        name: 'loms_queued_commands',
        help: 'Commands that wait.',
        registers,
        collect: () => gauge.set(queuedCommands()),
      });
    },
  };
}
