import { expect, test } from 'bun:test';

import { checkVariables } from './check-variables.ts';
import type { Plan } from './plan.ts';

const planWith = (env: Record<string, string>) =>
  ({ processes: [{ command: ['bun', '--no-env-file', 'loms/src/main.ts'], env }] }) as unknown as Plan;
const WELL = {
  LOMS_DATABASE_URL: 'postgres://tally@127.0.0.1/loms',
  LOG_DATABASE_URL: 'postgres://tally@127.0.0.1/log',
};

test('what the programs will read well passes, and a variable that no program knows is named', () => {
  expect(() => checkVariables(planWith(WELL), { env: { LOMS_MAX_BATCH_LINES: '3000', HOME: '/' } })).not.toThrow();
  expect(() => checkVariables(planWith(WELL), { env: { LOMS_PROT: '1' } })).toThrow('LOMS_PROT is no variable');
});

test('all that a program would refuse is said at once, before it is started', () => {
  const env = { ...WELL, LOG_LEVEL: 'loud', LOMS_PAYMENT_TIMEOUT_SECONDS: 'abc' };
  expect(() => checkVariables(planWith(env), { env: {} })).toThrow(
    /LOG_LEVEL is 'loud'[\s\S]*LOMS_PAYMENT_TIMEOUT_SECONDS/,
  );
});
