import { sleep } from '@tally/platform/concurrency';
import { isAlive } from '@tally/platform/embedded';

import type { LauncherDeps, Servers } from './launcher-deps.ts';
import type { Plan } from '../plan/plan.ts';
import { type OwnProcess, SUPERVISOR, end, findOwnProcesses, signal } from '../machine/processes.ts';
import { readPlan } from './run-files.ts';
import { toSeconds } from './steps.ts';

const POLL_MS = 20;
// For the supervisor itself, and for a process that is in no plan any more.
const DEFAULT_LIMIT_MS = 15_000;

/**
 * Ends all that was started for this state folder: the services drain, callers before those they call, then the
 * supervisor ends, then the servers, the last one first. Whatever does not end in time is killed. Returns whether anything was running.
 */
export async function takeDown(deps: LauncherDeps, stateDir: string, servers: readonly Servers[]): Promise<boolean> {
  let ran = await endProcesses(deps, stateDir, findOwnProcesses(stateDir));
  for (const each of servers.toReversed()) {
    await each.settle();
    if (!each.isRunning()) continue;
    ran = true;
    await deps.steps.run(each.name, each.end);
  }
  return ran;
}

/** Ends these processes; a supervisor among them ends its own services first. Returns whether there were any. */
export async function endProcesses(
  deps: LauncherDeps,
  stateDir: string,
  processes: readonly OwnProcess[],
): Promise<boolean> {
  const plan = readPlan(deps.files);
  for (const supervisor of processes.filter(({ name }) => name === SUPERVISOR)) {
    await endSupervisor(deps, stateDir, supervisor, plan);
  }
  for (const left of inOrderOfEnd(plan, processes.filter(isAlive))) {
    const planned = plan?.processes.find(({ name }) => name === left.name);
    await deps.steps.run(left.name, () => end(left, planned?.stopLimitMs ?? DEFAULT_LIMIT_MS));
  }
  return processes.length > 0;
}

/** Asks the supervisor to end, which ends its services first, and says each as it goes. */
async function endSupervisor(
  { clock, steps }: LauncherDeps,
  stateDir: string,
  supervisor: OwnProcess,
  plan: Plan | undefined,
): Promise<void> {
  const startedAtMs = clock.nowMs();
  const limitMs = (plan?.processes ?? []).reduce((sum, each) => sum + each.stopLimitMs, DEFAULT_LIMIT_MS);
  const findFamily = () => {
    const isFamily = ({ pid, parentPid }: OwnProcess) => pid === supervisor.pid || parentPid === supervisor.pid;
    return inOrderOfEnd(plan, findOwnProcesses(stateDir).filter(isFamily));
  };
  // Before the signal: what ends at once is told too.
  let running = findFamily();
  signal(supervisor, 'SIGTERM');
  while (running.length > 0 && clock.nowMs() - startedAtMs < limitMs) {
    await sleep(clock, POLL_MS);
    const next = findFamily();
    for (const gone of running.filter(({ pid }) => !next.some((each) => each.pid === pid))) {
      steps.say(gone.name, `ended (${toSeconds(clock.nowMs() - startedAtMs)})`);
    }
    running = next;
  }
  // It would start again what is ended next.
  if (running.length > 0) signal(supervisor, 'SIGKILL');
}

/** The last one started first, the supervisor last. */
function inOrderOfEnd(plan: Plan | undefined, processes: readonly OwnProcess[]): OwnProcess[] {
  const placeOf = ({ name }: OwnProcess) => plan?.processes.findIndex((planned) => planned.name === name) ?? -1;
  return processes.toSorted((a, b) => placeOf(b) - placeOf(a));
}
