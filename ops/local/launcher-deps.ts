import type { Clock } from '@tally/platform/concurrency';

import type { PlannedPort } from './plan.ts';
import type { RunFiles } from './run-files.ts';
import type { Steps } from './steps.ts';

export interface LauncherDeps {
  readonly clock: Clock;
  readonly steps: Steps;
  readonly files: RunFiles;
}

/** What stands before the processes of the plan start, and ends after them. */
export interface Databases {
  readonly port: PlannedPort;
  /** Brings to an end what a killed command left half done. Comes before the end. */
  readonly settle: () => Promise<void>;
  /** The port that it listens on; undefined when it does not run. */
  readonly runningPort: () => number | undefined;
  /** Starts what is not running and brings the schemas up to date. */
  readonly raise: (steps: Steps) => Promise<void>;
  /** Returns what happened, in words. */
  readonly end: () => Promise<string>;
}
