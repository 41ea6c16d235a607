import { systemClock } from '@tally/platform/concurrency';
import type { Environment } from '@tally/platform/config';
import { AppError } from '@tally/platform/errors';

import { CHECKOUT, type LocalConfig, readLocalConfig } from './config.ts';
import { inWords } from './machine/just-call.ts';
import { findOwnProcesses } from './machine/processes.ts';
import { brokersDir } from './parts/kafka.ts';
import { choosePostgresFolder } from './parts/postgres-folder.ts';
import type { Plan } from './plan/plan.ts';
import { SHAPES, type Shape, readShapeName } from './plan/shape.ts';
import type { LauncherDeps } from './run/launcher-deps.ts';
import { type RunFiles, readPlan, requireOwn, toRunFiles } from './run/run-files.ts';
import { createSteps } from './run/steps.ts';

/** What a command knows of a state folder. */
export interface State {
  readonly config: LocalConfig;
  readonly files: RunFiles;
  /** The shape of its data; before the first start, the light one. */
  readonly shape: Shape;
  /** What `up` planned last; undefined before the first start. */
  readonly plan: Plan | undefined;
  /** Returns the folders with the data of PostgreSQL and Kafka. */
  readonly dataDirs: () => string[];
}

/** Reads the state folder that the environment names. Throws an AppError when it belongs to another user. */
export function readState(env: Environment): State {
  const config = readLocalConfig(env, CHECKOUT);
  const { stateDir } = config;
  const files = toRunFiles(stateDir);
  requireOwn(files.run);
  const shape = SHAPES[readShapeName(files) ?? 'light'];
  return {
    config,
    files,
    shape,
    plan: readPlan(files),
    dataDirs: () => [
      ...shape.servers.map(({ name }) => choosePostgresFolder(stateDir, name)),
      ...(shape.brokers > 0 ? [brokersDir(stateDir)] : []),
    ],
  };
}

/** Returns whether the system is up. It counts as up when one of its PostgreSQL servers runs. */
export function isUp({ plan, config }: State): boolean {
  const servers = plan?.processes.filter(({ postgresData }) => postgresData !== undefined) ?? [];
  const own = findOwnProcesses(config.stateDir);
  return servers.some(({ name }) => own.some((found) => found.name === name));
}

/** Returns the plan. Throws an AppError when the system was never started here. */
export function requirePlan({ plan, config }: State): Plan {
  if (plan !== undefined) return plan;
  throw new AppError('failed-precondition', notStarted(config));
}

export const notUp = (config: LocalConfig) => `Tally is not up: ${inWords('up', config)} starts it.`;

export const notStarted = (config: LocalConfig) =>
  `Tally was not started here yet: ${inWords('up', config)} starts it.`;

/** Returns what the launcher needs to work on a state folder. `write` gets the lines of its steps. */
export function toLauncherDeps({ files, config }: State, write: (text: string) => void): LauncherDeps {
  return { clock: systemClock, files, stateDir: config.stateDir, steps: createSteps(systemClock, write) };
}
