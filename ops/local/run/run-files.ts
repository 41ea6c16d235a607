import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';

import type { Plan } from '../plan/plan.ts';
import type { Keeping } from './supervisor.ts';

/** Where the launcher keeps what it must remember, all in the state folder. */
export interface RunFiles {
  readonly run: string;
  readonly logs: string;
  /** What should run. Written by `up`, followed by the supervisor. */
  readonly plan: string;
  /** What the supervisor has seen. */
  readonly keepings: string;
  readonly lock: string;
  /** Which way of running the system the data goes with. */
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

/** Who started a system is the one to look at it and to end it. */
export function requireOwn(dir: string): void {
  const uid = statSync(dir, { throwIfNoEntry: false })?.uid;
  if (uid === undefined || uid === process.getuid?.()) return;
  throw new AppError(
    'failed-precondition',
    `${dir} belongs to user id ${uid}, so the system here is theirs: run this command as that user, or remove the folder.`,
  );
}

export function readPlan(files: RunFiles): Plan | undefined {
  const text = readPlanText(files);
  return text === undefined ? undefined : parsePlan(text);
}

export function readPlanText({ plan }: RunFiles): string | undefined {
  return readText(plan);
}

export function parsePlan(text: string): Plan {
  return JSON.parse(text) as Plan;
}

/** Returns whether it differs from the plan before. */
export function writePlan({ plan }: RunFiles, next: Plan): boolean {
  const text = JSON.stringify(next, null, 2);
  if (readText(plan) === text) return false;
  replaceFile(plan, text);
  return true;
}

export function readKeepings({ keepings }: RunFiles): readonly Keeping[] {
  const text = readText(keepings);
  return text === undefined ? [] : (JSON.parse(text) as readonly Keeping[]);
}

export function writeKeepings({ keepings }: RunFiles, next: readonly Keeping[]): void {
  replaceFile(keepings, JSON.stringify(next, null, 2));
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

// A reader sees the old text or the new one, never a part. Only its owner may read it: it holds the databases' URLs.
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.part`, text, { mode: 0o600 });
  renameSync(`${path}.part`, path);
}
