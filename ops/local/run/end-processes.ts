import { sleep } from '@tally/platform/concurrency';
import { isAlive } from '@tally/platform/embedded';

import { type OwnProcess, SUPERVISOR, end, findOwnProcesses, signal } from '../machine/processes.ts';
import { type Plan, groupInstances } from '../plan/plan.ts';
import type { LauncherDeps } from './launcher-deps.ts';
import { readPlan } from './run-files.ts';
import { toSeconds } from './steps.ts';

const POLL_MS = 20;
// The limit of the supervisor itself, and of a process that is not in the plan.
const DEFAULT_LIMIT_MS = 15_000;

/**
 * Ends everything that was started for this state folder. A service ends before the services that it calls, and the
 * servers that hold the data end last. A process that has not ended within its limit is killed. Returns whether
 * anything was running.
 */
export async function takeDown(deps: LauncherDeps): Promise<boolean> {
  return await endProcesses(deps, findOwnProcesses(deps.stateDir));
}

/** Ends these processes, first a supervisor with all that it keeps. Returns whether there were any. */
export async function endProcesses(deps: LauncherDeps, processes: readonly OwnProcess[]): Promise<boolean> {
  const plan = readPlan(deps.files);
  for (const supervisor of processes.filter(({ name }) => name === SUPERVISOR)) {
    await endSupervisor(deps, supervisor, plan);
  }
  for (const group of groupInstances(inOrderOfEnd(plan, processes.filter(isAlive)))) {
    await deps.steps.run(group.map(({ name }) => name).join(', '), async () => {
      const outcomes = await Promise.all(
        group.map((left) => {
          const planned = plan?.processes.find(({ name }) => name === left.name);
          return end(left, planned?.stopLimitMs ?? DEFAULT_LIMIT_MS, planned?.stopSignal);
        }),
      );
      return [...new Set(outcomes)].join(' or ');
    });
  }
  return processes.length > 0;
}

/** Asks the supervisor to end, and prints a line for each of its processes as it ends. */
async function endSupervisor(deps: LauncherDeps, supervisor: OwnProcess, plan: Plan | undefined): Promise<void> {
  const { clock, steps, stateDir } = deps;
  const startedAtMs = clock.nowMs();
  const limitMs = (plan?.processes ?? []).reduce((sum, { stopLimitMs }) => sum + stopLimitMs, DEFAULT_LIMIT_MS);
  const findFamily = () => {
    const isFamily = ({ pid, parentPid }: OwnProcess) => pid === supervisor.pid || parentPid === supervisor.pid;
    return inOrderOfEnd(plan, findOwnProcesses(stateDir).filter(isFamily));
  };
  // They are listed before the signal is sent, so that a process that ends at once gets its line too.
  let running = findFamily();
  for (const name of ['SIGTERM', 'SIGCONT'] as const) signal(supervisor, name);
  while (running.length > 0 && clock.nowMs() - startedAtMs < limitMs) {
    await sleep(clock, POLL_MS);
    const next = findFamily();
    for (const { name } of running.filter(({ pid }) => !next.some((each) => each.pid === pid))) {
      steps.say(name, `ended (${toSeconds(clock.nowMs() - startedAtMs)})`);
    }
    running = next;
  }
  // If the supervisor lived on, it would restart the processes that our caller ends next.
  if (running.length > 0) signal(supervisor, 'SIGKILL');
}

/** Sorts processes so that the one that started last comes first, and the supervisor comes last. */
function inOrderOfEnd(plan: Plan | undefined, processes: readonly OwnProcess[]): OwnProcess[] {
  const placeOf = ({ name }: OwnProcess) => plan?.processes.findIndex((planned) => planned.name === name) ?? -1;
  return processes.toSorted((a, b) => placeOf(b) - placeOf(a));
}
