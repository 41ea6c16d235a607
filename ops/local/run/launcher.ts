import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sleep } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import { toFingerprint } from '../plan/fingerprint.ts';
import type { LauncherDeps, Servers } from './launcher-deps.ts';
import { statePrefix } from '../machine/just-call.ts';
import { takeLock } from './lock.ts';
import type { Plan } from '../plan/plan.ts';
import { findStranger } from '../machine/ports.ts';
import { MARK, SUPERVISOR, findOwnProcesses, findStateDir, signal, toMark } from '../machine/processes.ts';
import { waitUntilReady } from './readiness.ts';
import { type RunFiles, requireOwn, writePlan } from './run-files.ts';
import { endProcesses } from './take-down.ts';

const SUPERVISOR_CODE = ['ops/local', 'platform/src', 'bun.lock'];
const LOCK_LIMIT_MS = 180_000;
const PORT_LIMIT_MS = 1_000;
const PORT_POLL_MS = 50;

/** One `up` or `down` at a time in a state folder. */
export async function lockState({ clock, steps, files }: LauncherDeps, purpose: string): Promise<Disposable> {
  makeOwnFolder(files.run);
  // Wherever the folder lies, it is nothing to commit.
  writeFileSync(files.gitignore, '*\n');
  const lock = await takeLock(clock, {
    path: files.lock,
    purpose,
    waitLimitMs: LOCK_LIMIT_MS,
    onWait: (holder) => steps.say('waiting', `${holder} is at work here; this one goes on when it is through`),
  });
  makeOwnFolder(files.logs);
  return lock;
}

function makeOwnFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('failed-precondition', `The folder ${dir} cannot be made: ${reason}`, { cause });
  }
  requireOwn(dir);
}

/**
 * Makes the system run as planned, whatever state it is in: starts what is missing, goes on with what runs, mends what a
 * crash left, replaces what was started from other code or configuration. Returns when everything is ready.
 *
 * The caller holds the lock. Running it again changes nothing.
 */
export async function bringUp(deps: LauncherDeps, plan: Plan, servers: readonly Servers[]): Promise<void> {
  await refuseStrangers(deps, plan, servers);
  for (const stopped of findOwnProcesses(plan.stateDir).filter(({ state }) => state === 'T')) {
    signal(stopped, 'SIGCONT');
    deps.steps.say(stopped.name, `process ${stopped.pid} was stopped by a signal and goes on`);
  }
  for (const each of servers) await each.raise(deps.steps);
  await raiseProcesses(deps, plan);
  await waitUntilReady(deps, plan);
}

/** A port that somebody else holds is found before anything is started. */
export async function refuseStrangers(
  { clock }: Pick<LauncherDeps, 'clock'>,
  plan: Pick<Plan, 'stateDir' | 'processes'>,
  servers: readonly Servers[],
): Promise<void> {
  const untilMs = clock.nowMs() + PORT_LIMIT_MS;
  for (;;) {
    const faults = findStrangers(plan, servers);
    if (faults.length === 0) return;
    // The kernel takes a moment to close the ports of a process that was killed.
    if (clock.nowMs() >= untilMs) throw new AppError('failed-precondition', faults.join('\n'));
    await sleep(clock, PORT_POLL_MS);
  }
}

/** What another Tally holds is one fault, however many its ports are. */
function findStrangers(plan: Pick<Plan, 'stateDir' | 'processes'>, servers: readonly Servers[]): string[] {
  const pids = findOwnProcesses(plan.stateDir).map(({ pid }) => pid);
  const ports = plan.processes.flatMap((planned) =>
    planned.ports.map((port) => ({ ...port, purpose: `${port.purpose} of ${planned.name}` })),
  );
  // Their processes may be another user's, whose open ports are hidden from us.
  ports.push(...servers.flatMap((each) => each.missingPorts()));
  const strangers = ports.flatMap((port) => {
    const stranger = findStranger(port.port, pids);
    return stranger === undefined ? [] : [{ ...port, stranger }];
  });
  const others = strangers.flatMap(({ stranger }) => (stranger.pid && findStateDir(stranger.pid)) || []);
  // Its databases hold ports too, which nothing tells apart from anybody's.
  if (others.length > 0) return [...new Set(others)].map(refuseOther);
  return strangers.map(
    ({ port, purpose, variable, stranger }) =>
      `Port ${port} (${purpose}) is in use by ${stranger.words}: end that, or choose another port with ${variable}.`,
  );
}

const refuseOther = (dir: string) =>
  `Another Tally runs on these ports, with its data in ${dir}: end it (${statePrefix(dir)}just down), or choose other ports (just up --help names their variables).`;

async function raiseProcesses(deps: LauncherDeps, plan: Plan): Promise<void> {
  const { files, steps } = deps;
  const wanted = toFingerprint([process.execPath], plan.root, SUPERVISOR_CODE);
  const own = findOwnProcesses(plan.stateDir);
  let supervisor = own.find(({ name }) => name === SUPERVISOR);
  if (supervisor !== undefined && supervisor.fingerprint !== wanted) {
    steps.say(SUPERVISOR, `its code changed: it and its services end and start again`);
    await endProcesses(deps, plan.stateDir, own);
    supervisor = undefined;
  }
  // A supervisor that was killed leaves its services behind, and nobody would start those again.
  const left = findOwnProcesses(plan.stateDir).filter(
    ({ pid, parentPid }) => pid !== supervisor?.pid && parentPid !== supervisor?.pid,
  );
  if (left.length > 0) {
    steps.say(SUPERVISOR, `was killed and left ${left.length} processes behind: they end and start again`);
    await endProcesses(deps, plan.stateDir, left);
  }
  const changed = writePlan(files, plan);
  if (supervisor === undefined) startSupervisor(plan, files, wanted);
  else if (changed) steps.say(SUPERVISOR, 'code or configuration changed: it starts again what is touched by it');
}

function startSupervisor(plan: Plan, files: RunFiles, fingerprint: string): void {
  rmSync(files.keepings, { force: true });
  const log = openSync(files.supervisorLog, 'a');
  try {
    const child = Bun.spawn([process.execPath, '--no-env-file', join(import.meta.dir, 'supervise.ts'), plan.stateDir], {
      cwd: plan.root,
      env: { [MARK]: toMark(SUPERVISOR, fingerprint, plan.stateDir) },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      // A session of its own: the terminal's Ctrl-C and its end do not reach it.
      detached: true,
    });
    child.unref();
  } finally {
    closeSync(log);
  }
}
