import { AppError } from '@tally/platform/errors';

export const FAULTS = ['none', 'unavailable', 'hang', 'wrong name'] as const;
export type Fault = (typeof FAULTS)[number];

/** How the stand-in misbehaves. It can be changed while the stand-in runs. */
export interface Behaviour {
  latencyMs: number;
  fault: Fault;
  /** Share of the calls that the fault hits, 0 to 1. */
  faultRate: number;
}

/**
 * Validates a change that came over HTTP and applies it to `before`. Throws one error that lists every invalid field.
 */
export function toBehaviour(change: unknown, before: Behaviour): Behaviour {
  const wanted: Record<string, unknown> = { ...before, ...(change as object) };
  const { latencyMs, fault, faultRate } = wanted;
  const wrong = [
    ...Object.keys(wanted)
      .filter((name) => !(name in before))
      .map((name) => `unknown field '${name}'`),
    ...(isBetween(latencyMs, 0, 60_000) ? [] : [`latencyMs is ${JSON.stringify(latencyMs)}: expected 0 to 60000`]),
    ...(isBetween(faultRate, 0, 1) ? [] : [`faultRate is ${JSON.stringify(faultRate)}: expected 0 to 1`]),
    ...(FAULTS.some((known) => known === fault)
      ? []
      : [`fault is ${JSON.stringify(fault)}: expected one of ${FAULTS.join(', ')}`]),
  ];
  if (wrong.length > 0) throw new AppError('invalid-argument', wrong.join('; '));
  return wanted as unknown as Behaviour;
}

const isBetween = (value: unknown, min: number, max: number) =>
  typeof value === 'number' && value >= min && value <= max;
