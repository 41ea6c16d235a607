import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { statePrefix } from '../machine/just-call.ts';
import { findStranger } from '../machine/ports.ts';
import { MARK, SUPERVISOR, findOwnProcesses, findStateDir, signal, toMark } from '../machine/processes.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { Plan } from '../plan/plan.ts';
import { endProcesses } from './end-processes.ts';
import type { LauncherDeps } from './launcher-deps.ts';
import { takeLock } from './lock.ts';
import { waitUntilReady } from './readiness.ts';
import { type RunFiles, readPlan, requireOwn, writePlan } from './run-files.ts';

/** The work on the servers of the data, which must be ready before the services start. */
export interface DataSteps {
  /** Names of the servers' processes. */
  readonly servers: readonly string[];
  /** Creates data folders, before the servers start. */
  readonly create: () => Promise<void>;
  /** Migrates the databases, when the servers are ready. */
  readonly migrate: () => Promise<void>;
}

const SUPERVISOR_CODE = ['ops/local', 'platform/src', 'bun.lock'];
const LOCK_LIMIT_MS = 180_000;
const PORT_LIMIT_MS = 1_000;
const PORT_POLL_MS = 50;

/** Takes the lock by which `up` and `down` take turns in a state folder. Creates the folder. */
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
 * Makes the system run as planned, whatever state it is in: starts what is missing, keeps what runs, repairs what a crash
 * left, and replaces what was started from other code or configuration. Resolves when everything is ready; a second run
 * changes nothing. The caller holds the lock.
 */
export async function bringUp(deps: LauncherDeps, plan: Plan, data?: DataSteps): Promise<void> {
  await refuseStrangers(deps, plan);
  for (const stopped of findOwnProcesses(plan.stateDir).filter(({ state }) => state === 'T')) {
    signal(stopped, 'SIGCONT');
    deps.steps.say(stopped.name, `process ${stopped.pid} was stopped by a signal and goes on`);
  }
  await endLeftovers(deps, plan);
  const before = findSupervisor(plan) && readPlan(deps.files);
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(plan)) {
    deps.steps.say(SUPERVISOR, 'code or configuration changed: it replaces the processes concerned');
  }
  if (data !== undefined) {
    await data.create();
    // The services that run stay as they are until the databases are migrated.
    const isServer = ({ name }: { name: string }) => data.servers.includes(name);
    const running = before?.processes ?? [];
    const servers = plan.processes.filter(isServer);
    follow(deps, { ...plan, processes: [...servers, ...running.filter((planned) => !isServer(planned))] });
    await waitUntilReady(deps, { ...plan, processes: servers });
    await data.migrate();
  }
  follow(deps, plan);
  await waitUntilReady(deps, plan, data?.servers);
}

/** Throws an AppError when another program listens on a port of the plan, before anything is started. */
async function refuseStrangers({ clock }: LauncherDeps, plan: Plan): Promise<void> {
  const untilMs = clock.nowMs() + PORT_LIMIT_MS;
  for (;;) {
    const faults = findStrangers(plan);
    if (faults.length === 0) return;
    // The kernel takes a moment to close the ports of a process that was killed.
    if (clock.nowMs() >= untilMs) throw new AppError('failed-precondition', faults.join('\n'));
    await sleep(clock, PORT_POLL_MS);
  }
}

/** Returns a sentence for each port in use. Another Tally is one sentence, however many ports it uses. */
function findStrangers(plan: Plan): string[] {
  const pids = findOwnProcesses(plan.stateDir).map(({ pid }) => pid);
  const strangers = plan.processes.flatMap(({ name, ports }) =>
    ports.flatMap((port) => {
      const stranger = findStranger(port.port, pids);
      return stranger === undefined ? [] : [{ ...port, name, stranger }];
    }),
  );
  const others = strangers.flatMap(({ stranger }) => (stranger.pid && findStateDir(stranger.pid)) || []);
  if (others.length > 0) return [...new Set(others)].map(refuseOther);
  return strangers.map(
    ({ port, purpose, name, variable, stranger }) =>
      `Port ${port} (${purpose} of ${name}) is in use by ${stranger.words}: end that, or choose another port with ${variable}.`,
  );
}

const refuseOther = (dir: string) =>
  `Another Tally runs on these ports, with its data in ${dir}: end it (${statePrefix(dir)}just down), or choose other ports (just up --help names their variables).`;

const findSupervisor = ({ stateDir }: Plan) => findOwnProcesses(stateDir).find(({ name }) => name === SUPERVISOR);

const supervisorFingerprint = ({ root }: Plan) => toFingerprint([process.execPath], root, SUPERVISOR_CODE);

/** Ends a supervisor of other code with its processes, and processes that no supervisor keeps. */
async function endLeftovers(deps: LauncherDeps, plan: Plan): Promise<void> {
  const own = findOwnProcesses(plan.stateDir);
  let supervisor = own.find(({ name }) => name === SUPERVISOR);
  if (supervisor !== undefined && supervisor.fingerprint !== supervisorFingerprint(plan)) {
    deps.steps.say(SUPERVISOR, 'its code changed: it and its processes end and start again');
    await endProcesses(deps, own);
    supervisor = undefined;
  }
  const orphans = findOwnProcesses(plan.stateDir).filter(
    ({ pid, parentPid }) => pid !== supervisor?.pid && parentPid !== supervisor?.pid,
  );
  if (orphans.length === 0) return;
  deps.steps.say(SUPERVISOR, `was killed and left ${orphans.length} processes behind: they end and start again`);
  await endProcesses(deps, orphans);
}

/** Makes the supervisor follow this plan. Starts it if it does not run. */
export function follow({ files }: LauncherDeps, plan: Plan): void {
  writePlan(files, plan);
  if (findSupervisor(plan) === undefined) startSupervisor(plan, files);
}

function startSupervisor(plan: Plan, files: RunFiles): void {
  rmSync(files.keepings, { force: true });
  const log = openSync(files.supervisorLog, 'a');
  try {
    const child = Bun.spawn([process.execPath, '--no-env-file', join(import.meta.dir, 'supervise.ts'), plan.stateDir], {
      cwd: plan.root,
      env: { [MARK]: toMark(SUPERVISOR, supervisorFingerprint(plan), plan.stateDir) },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      // In a session of its own, neither Ctrl-C in the terminal nor closing it reaches the supervisor.
      detached: true,
    });
    child.unref();
  } finally {
    closeSync(log);
  }
}
