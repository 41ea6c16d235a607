import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { statePrefix } from '../machine/just-call.ts';
import { findStranger } from '../machine/ports.ts';
import { SUPERVISOR, findOwnProcesses, findStateDir, signal, spawnMarked } from '../machine/processes.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { Plan, PlannedProcess } from '../plan/plan.ts';
import { endProcesses, takeDown } from './end-processes.ts';
import type { LauncherDeps } from './launcher-deps.ts';
import { takeLock } from './lock.ts';
import { waitUntilReady } from './readiness.ts';
import { type RunFiles, readPlan, requireOwn, writePlan } from './run-files.ts';

/** What is done before the services start: the servers that hold the data start, and the databases are migrated. */
export interface DataSteps {
  /** Names of these servers' processes. */
  readonly servers: readonly string[];
  /** Creates the data folders. It is called before the servers start. */
  readonly create: () => Promise<void>;
  /** Migrates the databases. It is called when the servers are ready. */
  readonly migrate: () => Promise<void>;
}

const SUPERVISOR_CODE = ['ops/local', 'platform/src', 'bun.lock'];
const LOCK_LIMIT_MS = 180_000;
const PORT_LIMIT_MS = 1_000;
const PORT_POLL_MS = 50;

/** Creates the state folder, and takes the lock that lets only one `up` or `down` at a time work on it. */
export async function lockState({ clock, steps, files }: LauncherDeps, purpose: string): Promise<Disposable> {
  createOwnFolder(files.run);
  // Nothing in a state folder is to be committed, wherever it lies.
  writeFileSync(files.gitignore, '*\n');
  const lock = await takeLock(clock, {
    path: files.lock,
    purpose,
    waitLimitMs: LOCK_LIMIT_MS,
    onWait: (holder) => steps.say('waiting', `${holder} is at work here; this command continues when it has ended`),
  });
  createOwnFolder(files.logs);
  return lock;
}

function createOwnFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('failed-precondition', `The folder ${dir} cannot be created: ${reason}`, { cause });
  }
  requireOwn(dir);
}

/**
 * Makes the system run as planned, whatever state it is in: starts what is missing, keeps what runs, ends what a killed
 * launcher or supervisor left behind, and replaces what was started from other code or another configuration. Resolves
 * when everything is ready. A second call changes nothing. The caller must hold the lock.
 */
export async function bringUp(deps: LauncherDeps, plan: Plan, data?: DataSteps): Promise<void> {
  await refuseStrangers(deps, plan);
  for (const stopped of findOwnProcesses(deps.stateDir).filter(({ state }) => state === 'T')) {
    signal(stopped, 'SIGCONT');
    deps.steps.say(stopped.name, `process ${stopped.pid} was stopped by a signal and continues`);
  }
  await endLeftovers(deps, plan);
  const before = findOwnProcesses(deps.stateDir).some(isSupervisor) ? readPlan(deps.files) : undefined;
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(plan)) {
    deps.steps.say(SUPERVISOR, 'code or configuration has changed: it replaces the processes that this concerns');
  }
  if (data !== undefined) {
    await data.create();
    const isServer = ({ name }: PlannedProcess) => data.servers.includes(name);
    const servers = plan.processes.filter(isServer);
    // The servers change first. The other processes stay as they are until the databases are migrated.
    const others = (before?.processes ?? []).filter((planned) => !isServer(planned));
    const processes = [...servers, ...others];
    const isPending = ({ name }: PlannedProcess) => !processes.some((planned) => planned.name === name);
    follow(deps, { ...plan, processes, pending: plan.processes.filter(isPending).map(({ name }) => name) });
    await waitUntilReady(deps, servers);
    await data.migrate();
  }
  follow(deps, plan);
  await waitUntilReady(deps, plan.processes, data?.servers);
}

/** Throws an AppError when a program that is not ours listens on a port of the plan. */
async function refuseStrangers({ clock }: LauncherDeps, plan: Plan): Promise<void> {
  const untilMs = clock.nowMs() + PORT_LIMIT_MS;
  for (;;) {
    const faults = findStrangers(plan);
    if (faults.length === 0) return;
    // The kernel closes the ports of a process only a moment after the process was killed.
    if (clock.nowMs() >= untilMs) throw new AppError('failed-precondition', faults.join('\n'));
    await sleep(clock, PORT_POLL_MS);
  }
}

/**
 * Returns a sentence for each port of the plan on which a program that is not ours listens. If other Tally systems are
 * among these programs, returns only a sentence for each of those systems.
 */
function findStrangers(plan: Plan): string[] {
  const pids = findOwnProcesses(plan.stateDir).map(({ pid }) => pid);
  const strangers = plan.processes.flatMap(({ name, ports }) =>
    ports.flatMap((port) => {
      const stranger = findStranger(port.port, pids);
      return stranger === undefined ? [] : [{ ...port, name, stranger }];
    }),
  );
  const others = strangers.flatMap(({ stranger: { pid } }) => (pid === undefined ? [] : (findStateDir(pid) ?? [])));
  if (others.length > 0) return [...new Set(others)].map(refuseOther);
  return strangers.map(
    ({ port, purpose, name, variable, stranger }) =>
      `Port ${port} (${purpose} of ${name}) is in use by ${stranger.words}: ` +
      `end that process, or choose another port with ${variable}.`,
  );
}

const refuseOther = (dir: string) =>
  `Another Tally runs on these ports, with its data in ${dir}: end it (${statePrefix(dir)}just down), ` +
  'or choose other ports (just up --help names their variables).';

const isSupervisor = ({ name }: { readonly name: string }) => name === SUPERVISOR;

const supervisorFingerprint = ({ root }: Plan) => toFingerprint([process.execPath], root, SUPERVISOR_CODE);

/** Ends everything if the supervisor runs other code than ours. Ends the processes that no supervisor keeps. */
async function endLeftovers(deps: LauncherDeps, plan: Plan): Promise<void> {
  const supervisor = findOwnProcesses(deps.stateDir).find(isSupervisor);
  if (supervisor !== undefined && supervisor.fingerprint !== supervisorFingerprint(plan)) {
    deps.steps.say(SUPERVISOR, 'its code has changed: it and its processes end and start again');
    await takeDown(deps);
  }
  const orphans = findOwnProcesses(deps.stateDir).filter(
    ({ pid, parentPid }) => pid !== supervisor?.pid && parentPid !== supervisor?.pid,
  );
  if (orphans.length === 0) return;
  deps.steps.say(SUPERVISOR, `was killed and left ${orphans.length} processes behind: they end and start again`);
  await endProcesses(deps, orphans);
}

/** Gives the supervisor this plan to follow. Starts the supervisor if it does not run. */
export function follow({ files, stateDir }: LauncherDeps, plan: Plan): void {
  writePlan(files, plan);
  if (!findOwnProcesses(stateDir).some(isSupervisor)) startSupervisor(plan, files);
}

function startSupervisor(plan: Plan, files: RunFiles): void {
  rmSync(files.keepings, { force: true });
  const supervisor = {
    name: SUPERVISOR,
    fingerprint: supervisorFingerprint(plan),
    command: [process.execPath, '--no-env-file', join(import.meta.dir, 'supervise.ts'), plan.stateDir],
    env: {},
    logPath: files.supervisorLog,
  };
  // It is detached, so that neither Ctrl-C in the terminal nor closing it reaches the supervisor.
  spawnMarked(plan, supervisor, true).unref();
}
