import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';

import type { Plan } from '../plan/plan.ts';
import type { Keeping } from './supervisor.ts';

/** The files of the launcher in a state folder. */
export interface RunFiles {
  readonly run: string;
  readonly logs: string;
  /** The plan. `up` writes it, and the supervisor follows it. */
  readonly plan: string;
  /** What the supervisor knows of each process that it keeps running. */
  readonly keepings: string;
  readonly lock: string;
  /** The shape in which the data was created. */
  readonly shape: string;
  readonly supervisorLog: string;
  readonly gitignore: string;
}

export function toRunFiles(stateDir: string): RunFiles {
  const run = join(stateDir, 'run');
  const logs = join(stateDir, 'logs');
  return {
    run,
    logs,
    plan: join(run, 'plan.json'),
    keepings: join(run, 'supervisor.json'),
    lock: join(run, 'lock'),
    shape: join(run, 'shape'),
    supervisorLog: join(logs, 'supervisor.log'),
    gitignore: join(stateDir, '.gitignore'),
  };
}

/** Throws an AppError when the folder belongs to another user. Only the user who started a system may act on it. */
export function requireOwn(dir: string): void {
  const uid = statSync(dir, { throwIfNoEntry: false })?.uid;
  if (uid === undefined || uid === process.getuid?.()) return;
  throw new AppError(
    'failed-precondition',
    `${dir} belongs to user id ${uid}, who started the system here: ` +
      'run this command as that user, or remove the folder.',
  );
}

/** Returns the plan of the last `up`; undefined before the first one, or when an earlier version wrote it. */
export function readPlan(files: RunFiles): Plan | undefined {
  const plan = readJson(files.plan) as Plan | undefined;
  return plan?.urls === undefined ? undefined : plan;
}

export function writePlan({ plan }: RunFiles, next: Plan): void {
  replaceJson(plan, next);
}

export function readKeepings({ keepings }: RunFiles): readonly Keeping[] {
  return (readJson(keepings) as readonly Keeping[] | undefined) ?? [];
}

export function writeKeepings({ keepings }: RunFiles, next: readonly Keeping[]): void {
  replaceJson(keepings, next);
}

function readJson(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

// A reader sees the old text or the new one, never a part of it. Only the owner may read it, since URLs hold passwords.
function replaceJson(path: string, value: unknown): void {
  writeFileSync(`${path}.part`, JSON.stringify(value, null, 2), { mode: 0o600 });
  renameSync(`${path}.part`, path);
}
