import { expect, test } from 'bun:test';

import { checkVariables } from './check-variables.ts';
import type { Plan } from './plan.ts';

const planWith = (env: Record<string, string>) => ({ processes: [{ name: 'loms', env }] }) as unknown as Plan;
const GOOD = {
  LOMS_DATABASE_URL: 'postgres://tally@127.0.0.1/loms',
  LOG_DATABASE_URL: 'postgres://tally@127.0.0.1/log',
};

test('good variables pass, and the error names a variable that no service reads', () => {
  expect(() => checkVariables(planWith(GOOD), { env: { LOMS_MAX_BATCH_LINES: '3000', HOME: '/' } })).not.toThrow();
  expect(() => checkVariables(planWith(GOOD), { env: { LOMS_PROT: '1' } })).toThrow('LOMS_PROT is no variable');
});

test('one error lists every value that a service would refuse', () => {
  const env = { ...GOOD, LOG_LEVEL: 'loud', LOMS_PAYMENT_TIMEOUT_SECONDS: 'abc' };
  expect(() => checkVariables(planWith(env), { env: {} })).toThrow(
    /LOG_LEVEL is 'loud'[\s\S]*LOMS_PAYMENT_TIMEOUT_SECONDS/,
  );
});
