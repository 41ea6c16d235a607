import { Counter, type Log, type Registry } from '@tally/platform/telemetry';

import type { CheckoutWatch } from './checkout.ts';

const ALARMS = {
  taken: 'another program had used the id of a checkout: the checkout was closed without an order',
  contradicted: 'loms says that a closed checkout ended differently: compare the checkout with its order in loms',
} as const;

/** Returns a watch that counts the answers of loms to checkouts, and raises alarms in the log and in a metric. */
export function createCheckoutMetrics({
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
