import { sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { readLastLines } from '../machine/log-file.ts';
import { findOwnProcesses } from '../machine/processes.ts';
import { type PlannedProcess, findPlanned } from '../plan/plan.ts';
import { findFault } from './health.ts';
import type { LauncherDeps } from './launcher-deps.ts';
import { readKeepings } from './run-files.ts';
import type { Keeping } from './supervisor.ts';

const READY_LIMIT_MS = 60_000;
const POLL_MS = 50;
const MAX_FAILED_STARTS = 3;
const SHOWN_LOG_LINES = 10;

/**
 * Waits until all of these processes are ready. Prints a line for each when it is ready, unless `announced` has its
 * name. Throws an AppError with the last lines of a process's log when the process is not ready within a minute, or has
 * ended three times while this function waited.
 */
export async function waitUntilReady(
  { clock, steps, files, stateDir }: LauncherDeps,
  processes: readonly PlannedProcess[],
  announced: readonly string[] = [],
): Promise<void> {
  const untilMs = clock.nowMs() + READY_LIMIT_MS;
  const before = readKeepings(files);
  let pending = processes;
  while (pending.length > 0) {
    const own = findOwnProcesses(stateDir);
    const faults = await Promise.all(pending.map((planned) => findFault(planned, findPlanned(own, planned))));
    const keepings = readKeepings(files);
    for (const [index, planned] of pending.entries()) {
      const fault = faults[index];
      const failures = restartsOf(keepings, planned) - restartsOf(before, planned);
      if (fault !== undefined && failures >= MAX_FAILED_STARTS) {
        const { lastEnd } = findPlanned(keepings, planned) ?? {};
        throw doesNotStart(planned, `ended ${failures} times, last with ${lastEnd}`);
      }
      if (fault !== undefined && clock.nowMs() >= untilMs) {
        throw doesNotStart(planned, `is not ready after ${READY_LIMIT_MS / 1000} s: ${fault}`);
      }
      if (fault === undefined && !announced.includes(planned.name)) {
        steps.say(planned.name, `ready on ${describePorts(planned)}`);
      }
    }
    pending = pending.filter((_, index) => faults[index] !== undefined);
    if (pending.length > 0) await sleep(clock, POLL_MS);
  }
}

/** Returns the ports of a process in words: `gRPC 8083, admin 8081`. */
export function describePorts({ ports }: PlannedProcess): string {
  return ports.map(({ port, purpose }) => `${purpose} ${port}`).join(', ');
}

const restartsOf = (keepings: readonly Keeping[], planned: PlannedProcess) =>
  findPlanned(keepings, planned)?.restarts ?? 0;

function doesNotStart({ name, logPath }: PlannedProcess, what: string): AppError {
  const lines = readLastLines(logPath, SHOWN_LOG_LINES).map((line) => `  ${line}`);
  const tail = lines.length === 0 ? '' : ` Its last lines:\n${lines.join('\n')}`;
  return new AppError(
    'unavailable',
    `${name} ${what}.${tail}\nMore: just logs ${name}. The other processes keep running; just down ends them.`,
  );
}
