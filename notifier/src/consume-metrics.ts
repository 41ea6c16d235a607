import { Counter, type Registry } from '@tally/platform/telemetry';

import type { ConsumeDeps } from './consume.ts';

/** Counts events in `notifier_events_total`. */
export function createConsumeMetrics(metrics: Registry): ConsumeDeps['count'] {
  const events = new Counter({
    name: 'notifier_events_total',
    help: 'Events by result: applied, parked, dead or duplicate.',
    labelNames: ['result'],
    registers: [metrics],
  });
  return (result, count) => events.inc({ result }, count);
}
