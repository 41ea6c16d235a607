import { Counter, type Log, type Registry } from '@tally/platform/telemetry';

import type { CheckoutWatch } from './finish.ts';

const ALARMS = {
  taken: 'somebody else used the id of a checkout',
  contradicted: 'a checkout that is closed turns out to have ended otherwise',
} as const;

/** Counts what loms said of checkouts, and raises the alarm in log and metric. */
export function createCheckoutWatch({
  log,
  metrics,
}: {
  readonly log: Log;
  readonly metrics: Registry;
}): CheckoutWatch {
  const registers = [metrics];
  const outcomes = new Counter({
    name: 'cart_checkout_outcomes_total',
    help: 'Answers of loms to checkouts, by what they prove.',
    labelNames: ['outcome'],
    registers,
  });
  const alarms = new Counter({
    name: 'cart_checkout_alarms_total',
    help: 'Checkouts that an operator must look at.',
    labelNames: ['alarm'],
    registers,
  });
  return {
    outcome: (kind) => outcomes.inc({ outcome: kind }),
    alarm(kind, fields) {
      alarms.inc({ alarm: kind });
      log.error(fields, ALARMS[kind]);
    },
  };
}
