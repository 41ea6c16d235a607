import { join } from 'node:path';

import { ConfigError } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';
import { DATABASE_NAMES, KAFKA_SCHEME, toUrlVariable } from '@tally/sql/databases';

import { CHECKOUT } from '../config.ts';
import { type State, isUp, notUp, readState, requirePlan } from '../state.ts';

/*
  with-addresses.ts [--not-up=EXIT_CODE] PROGRAM [ARG ...]

  Becomes a program of the checkout, whose environment says where the running system is, as that of a service does. What the
  caller has set stays. If the system is not up, it prints that and exits with EXIT_CODE (default 1), unless the caller names
  a database or asks for help.
*/

const DEFAULT_EXIT_CODE = 1;

const [first = '', ...rest] = process.argv.slice(2);
const [, exitCode] = /^--not-up=(\d+)$/.exec(first) ?? [];
const [program = '', ...args] = exitCode === undefined ? [first, ...rest] : rest;
try {
  const given = definedOnly(process.env);
  const needsSystem =
    !args.some((arg) => ['--help', '-h', '--version'].includes(arg)) &&
    !DATABASE_NAMES.some((name) => given[toUrlVariable(name)] !== undefined);
  const state = readState(process.env);
  if (!isUp(state) && needsSystem) throw new AppError('failed-precondition', notUp(state.config));
  const env = isUp(state) ? { ...toAddresses(state, given), ...given } : given;
  process.execve?.(process.execPath, [process.execPath, join(CHECKOUT, program), ...args], env);
} catch (error) {
  if (!(error instanceof AppError || error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exit(Number(exitCode ?? DEFAULT_EXIT_CODE));
}

/** Returns the URLs of the databases, which are reached without pgbouncer, and the ports of all processes. */
function toAddresses(state: State, given: Readonly<Record<string, string>>): Record<string, string> {
  const { urls, processes } = requirePlan(state);
  const entries = DATABASE_NAMES.flatMap((name): [string, string][] => {
    if (!urls[name].startsWith(KAFKA_SCHEME)) return [[toUrlVariable(name), urls[name]]];
    // A caller that names a database for the log does not mean Kafka.
    return given[toUrlVariable(name)] === undefined ? [['KAFKA_BROKERS', urls[name].slice(KAFKA_SCHEME.length)]] : [];
  });
  const ports = processes.flatMap((planned) => planned.ports.map(({ variable, port }) => [variable, String(port)]));
  return Object.fromEntries([...entries, ...ports]);
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
