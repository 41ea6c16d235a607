import { join } from 'node:path';

import { ConfigError } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { DATABASE_NAMES, toBrokers, toUrlVariable } from '@tally/sql/databases';

import { CHECKOUT } from '../config.ts';
import { type State, isUp, notUp, readState, requirePlan } from '../state.ts';

/*
  with-addresses.ts [--not-up=EXIT_CODE] PROGRAM [ARG ...]

  Replaces this process with a program of the checkout. The program gets the environment of the caller, and in addition
  the variables that say where the databases, the brokers and the ports of the running system are. A variable that the
  caller has set keeps its value.

  If the system is not up, the program does not run: a message is printed, and the exit code is EXIT_CODE (default 1).
  It runs nevertheless when the caller has set the URL of a database, or when the arguments ask for help.
*/

const DEFAULT_EXIT_CODE = 1;

const [first = '', ...rest] = process.argv.slice(2);
const [, exitCode] = /^--not-up=(\d+)$/.exec(first) ?? [];
const [program = '', ...args] = exitCode === undefined ? [first, ...rest] : rest;
try {
  const given = { ...process.env } as Record<string, string>;
  const needsSystem =
    !args.some((arg) => ['--help', '-h', '--version'].includes(arg)) &&
    !DATABASE_NAMES.some((name) => given[toUrlVariable(name)] !== undefined);
  const state = readState(process.env);
  const runs = isUp(state);
  if (!runs && needsSystem) throw new AppError('failed-precondition', notUp(state.config));
  const env = runs ? { ...toAddresses(state, given), ...given } : given;
  if (process.execve === undefined) {
    throw new AppError('failed-precondition', `Bun ${Bun.version} cannot replace its process: use .local/bin/bun.`);
  }
  process.execve(process.execPath, [process.execPath, join(CHECKOUT, program), ...args], env);
} catch (error) {
  if (!(error instanceof AppError || error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exit(Number(exitCode ?? DEFAULT_EXIT_CODE));
}

/** Returns variables with the URLs of the databases, not of their pgbouncers, and with the ports of all processes. */
function toAddresses(state: State, given: Readonly<Record<string, string>>): Record<string, string> {
  const { urls, processes } = requirePlan(state);
  const entries = DATABASE_NAMES.flatMap((name): [string, string][] => {
    const variable = toUrlVariable(name);
    const brokers = toBrokers(urls[name]);
    if (brokers === undefined) return [[variable, urls[name]]];
    // A caller that has set the URL of a log on PostgreSQL does not mean the log on Kafka.
    return given[variable] === undefined ? [['KAFKA_BROKERS', brokers]] : [];
  });
  const ports = processes.flatMap((planned) => planned.ports.map(({ variable, port }) => [variable, String(port)]));
  return Object.fromEntries([...entries, ...ports]);
}
