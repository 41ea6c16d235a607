import type { Clock } from '@tally/platform/concurrency';

import type { PlannedPort } from '../plan/plan.ts';
import type { RunFiles } from './run-files.ts';
import type { Steps } from './steps.ts';

export interface LauncherDeps {
  readonly clock: Clock;
  readonly steps: Steps;
  readonly files: RunFiles;
}

/** Servers that stand before the processes of the plan start, and end after them: PostgreSQL, Kafka. */
export interface Servers {
  /** In the lines of steps. */
  readonly name: string;
  /** Brings to an end what a killed command left half done. Comes before the end. */
  readonly settle: () => Promise<void>;
  readonly isRunning: () => boolean;
  /** Ports that they will take, and do not hold yet. */
  readonly missingPorts: () => readonly PlannedPort[];
  /** Starts what is not running, on the planned ports, and makes it fit to be used. */
  readonly raise: (steps: Steps) => Promise<void>;
  /** Returns what happened, in words. */
  readonly end: () => Promise<string>;
}
