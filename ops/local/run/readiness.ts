import { sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { notReady } from './health.ts';
import type { LauncherDeps } from './launcher-deps.ts';
import { readLastLines } from '../machine/log-file.ts';
import type { Plan, PlannedProcess } from '../plan/plan.ts';
import { type OwnProcess, findOwnProcesses } from '../machine/processes.ts';
import { readKeepings } from './run-files.ts';
import type { Keeping } from './supervisor.ts';

const READY_LIMIT_MS = 60_000;
const POLL_MS = 50;
const MAX_FAILED_STARTS = 3;
const SHOWN_LOG_LINES = 10;

/** Waits until all of the plan serves callers. Gives up early on a program that ends again and again. */
export async function waitUntilReady({ clock, steps, files }: LauncherDeps, plan: Plan): Promise<void> {
  const untilMs = clock.nowMs() + READY_LIMIT_MS;
  const before = readKeepings(files);
  let pending = plan.processes;
  while (pending.length > 0) {
    const own = findOwnProcesses(plan.stateDir);
    const reasons = await Promise.all(pending.map((planned) => notReady(planned, findPlanned(own, planned))));
    const keepings = readKeepings(files);
    for (const [index, planned] of pending.entries()) {
      const reason = reasons[index];
      if (reason === undefined) steps.say(planned.name, `ready on ${describePorts(planned)}`);
      else refuseFailing(planned, reason, keepings, before, clock.nowMs() >= untilMs);
    }
    pending = pending.filter((_, index) => reasons[index] !== undefined);
    if (pending.length > 0) await sleep(clock, POLL_MS);
  }
}

/** The living process of this plan, not one of an earlier configuration. */
export function findPlanned(own: readonly OwnProcess[], planned: PlannedProcess): OwnProcess | undefined {
  return own.find(({ name, fingerprint }) => name === planned.name && fingerprint === planned.fingerprint);
}

export function findKeeping(keepings: readonly Keeping[], planned: PlannedProcess): Keeping | undefined {
  return keepings.find(({ name, fingerprint }) => name === planned.name && fingerprint === planned.fingerprint);
}

/** `gRPC 8083, admin 8081` */
export function describePorts({ ports }: PlannedProcess): string {
  return ports.map(({ port, purpose }) => `${purpose} ${port}`).join(', ');
}

function refuseFailing(
  planned: PlannedProcess,
  reason: string,
  keepings: readonly Keeping[],
  before: readonly Keeping[],
  late: boolean,
): void {
  const keeping = findKeeping(keepings, planned);
  const failures = (keeping?.restarts ?? 0) - (findKeeping(before, planned)?.restarts ?? 0);
  if (failures >= MAX_FAILED_STARTS)
    throw doesNotStart(planned, `ended ${failures} times, last with ${keeping?.lastEnd}`);
  if (late) throw doesNotStart(planned, `is not ready after ${READY_LIMIT_MS / 1000} s: ${reason}`);
}

function doesNotStart({ name, logPath }: PlannedProcess, what: string): AppError {
  const lines = readLastLines(logPath, SHOWN_LOG_LINES).map((line) => `  ${line}`);
  const tail = lines.length === 0 ? '' : ` Its last lines:\n${lines.join('\n')}`;
  return new AppError(
    'unavailable',
    `${name} ${what}.${tail}\nMore: just logs ${name}. The rest runs on; just down ends it.`,
  );
}
