import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { AppError } from '@tally/platform/errors';

import type { LocalConfig } from './config.ts';
import { createKafka } from './kafka.ts';
import type { LocalPostgres } from './postgres.ts';
import { type RunFiles, toRunFiles } from './run-files.ts';

/** What keeps the event log of a system. */
export type LogName = 'postgres' | 'kafka';

const CALLS: Record<LogName, string> = { postgres: 'just up', kafka: 'just up kafka' };
const NAMES: Record<LogName, string> = { postgres: 'PostgreSQL', kafka: 'Kafka' };

/** The log that this state folder's data goes with; undefined before its first start. */
export function readLog(files: RunFiles): LogName | undefined {
  if (existsSync(files.log)) return readFileSync(files.log, 'utf8') === 'kafka' ? 'kafka' : 'postgres';
  // Made before there was a choice.
  return existsSync(files.plan) ? 'postgres' : undefined;
}

/** What brings this system up. */
export function upCall(files: RunFiles): string {
  return CALLS[readLog(files) ?? 'postgres'];
}

/**
 * Data goes with one log for ever: the databases say where in it each event lies, and another log would start empty, or
 * with other events at those places.
 */
export function requireSameLog(files: RunFiles, stateDir: string, asked: LogName): void {
  const known = readLog(files);
  if (known === undefined || known === asked) return;
  throw new AppError(
    'failed-precondition',
    `The data in ${stateDir} goes with ${NAMES[known]} as its log: ${CALLS[known]} goes on with it; just down --remove removes it, and then ${CALLS[asked]} starts anew.`,
  );
}

export function rememberLog(files: RunFiles, log: LogName): void {
  writeFileSync(files.log, log);
}

/** Where the log of the running system is: a database's URL, or `kafka://host:port`. */
export function logUrl(config: LocalConfig, postgres: LocalPostgres): string {
  if (readLog(toRunFiles(config.stateDir)) === 'kafka') return `kafka://${createKafka(config).address()}`;
  return postgres.url('log', postgres.find()?.port);
}
