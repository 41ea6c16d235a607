import type { Clock } from '@tally/platform/concurrency';

import type { RunFiles } from './run-files.ts';
import type { Steps } from './steps.ts';

/** Dependencies of the functions that start and end a system. */
export interface LauncherDeps {
  readonly clock: Clock;
  readonly steps: Steps;
  readonly files: RunFiles;
  readonly stateDir: string;
}
