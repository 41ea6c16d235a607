import { ConfigError, listVariables, readConfig } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { PROGRAMS } from '@tally/ops/compose/programs.ts';
import { type LocalConfig, PORT_VARIABLES } from '../config.ts';
import type { Plan } from './plan.ts';

const OWN_PREFIXES = /^(CART|LOMS|NOTIFIER|PRODUCT)_/;

/**
 * Reads the plan's variables as its programs will, before anything is started or replaced: a wrong one must not take a
 * running system down. A misspelt one is named too.
 */
export function checkVariables(plan: Plan, { env }: Pick<LocalConfig, 'env'>): void {
  const faults = plan.processes.flatMap(({ command, env: own }) => faultsOf(command, own));
  const known = new Set([
    ...PORT_VARIABLES,
    ...Object.values(PROGRAMS).flatMap((read) => listVariables(read).map(({ name }) => name)),
  ]);
  const unknown = Object.keys(env).filter((name) => OWN_PREFIXES.test(name) && !known.has(name));
  faults.push(...unknown.map((name) => `${name} is no variable of any service: is it misspelt?`));
  if (faults.length > 0) {
    const lines = [...new Set(faults)].map((fault) => `  - ${fault}`);
    throw new AppError('invalid-argument', `bad configuration; nothing was started or changed:\n${lines.join('\n')}`);
  }
}

function faultsOf(command: readonly string[], env: Readonly<Record<string, string>>): string[] {
  const read = command.map((word) => PROGRAMS[word]).find((each) => each !== undefined);
  if (read === undefined) return [];
  try {
    readConfig(env, read);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [...error.faults];
    throw error;
  }
}
