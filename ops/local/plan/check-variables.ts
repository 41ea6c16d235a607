import { SERVICES } from '@tally/ops/services.ts';
import { ConfigError, listVariables, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { type LocalConfig, PORT_VARIABLES } from '../config.ts';
import { type Plan, serviceOf } from './plan.ts';

/**
 * Checks the variables of a plan with the configuration readers of the services. This happens before anything is
 * started or replaced, so that a wrong value never takes a running system down. Throws an AppError that lists every
 * fault. A variable in `env` that has the prefix of a service (`LOMS_`) but is not read by any is a fault too.
 */
export function checkVariables(plan: Plan, { env }: Pick<LocalConfig, 'env'>): void {
  const readers = new Map(Object.entries(SERVICES).map(([name, { readConfig: read }]) => [name, read]));
  const faults = plan.processes.flatMap((planned) => {
    const read = readers.get(serviceOf(planned.name));
    return read === undefined ? [] : faultsOf(() => readConfig(planned.env, read));
  });
  const known = new Set([
    ...PORT_VARIABLES,
    ...[...readers.values()].flatMap((read) => listVariables(read).map(({ name }) => name)),
  ]);
  const prefixes = [...readers.keys()].map((name) => `${name.toUpperCase()}_`);
  const unknown = Object.keys(env).filter(
    (name) => prefixes.some((prefix) => name.startsWith(prefix)) && !known.has(name),
  );
  faults.push(...unknown.map((name) => `${name} is no variable of any service: is it misspelt?`));
  if (faults.length === 0) return;
  const lines = [...new Set(faults)].map((fault) => `  - ${fault}`);
  throw new AppError('invalid-argument', `bad configuration; nothing was started or changed:\n${lines.join('\n')}`);
}

function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}
