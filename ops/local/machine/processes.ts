import { closeSync, openSync, readFileSync } from 'node:fs';

import {
  type ProcessStat,
  type StartedProcess,
  hasEnded,
  isAlive,
  listPids,
  readProc,
  readStat,
} from '@tally/platform/embedded';
import { AppError } from '@tally/platform/errors';

import type { Plan, PlannedProcess } from '../plan/plan.ts';

/**
 * A process that the launcher started, as /proc shows it now.
 *
 * Every such process carries a mark in its environment: its name, the fingerprint of what it was started from, and its
 * state folder. The launcher finds its processes by this mark, so it needs no pid files, which could be missing or name
 * a process that has ended.
 */
export interface OwnProcess extends StartedProcess, ProcessStat {
  readonly name: string;
  readonly fingerprint: string;
}

export const MARK = 'TALLY_PROCESS';
/** The name of the process that keeps the others running. */
export const SUPERVISOR = 'supervisor';

// /proc reports times in this unit, whatever the kernel's own tick is.
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Returns the value of the mark. The folder comes last, because it may contain a colon. */
export function toMark(name: string, fingerprint: string, stateDir: string): string {
  return `${name}:${fingerprint}:${stateDir}`;
}

/** Finds the living processes that were started for this state folder, without the children that they forked. */
export function findOwnProcesses(stateDir: string): OwnProcess[] {
  const marked = listPids().flatMap((pid) => {
    const mark = readMark(pid);
    const stat = mark?.stateDir === stateDir ? readStat(pid) : undefined;
    return mark === undefined || stat === undefined ? [] : [{ pid, ...mark, ...stat }];
  });
  // A forked child has the environment of its parent, and so the same mark.
  const names = new Map(marked.map(({ pid, name }) => [pid, name]));
  return marked
    .filter(({ parentPid, name }) => names.get(parentPid) !== name)
    .map(({ stateDir: _, ...found }) => found);
}

/** Returns the state folder for which a launcher started this process; undefined for any other process. */
export function findStateDir(pid: number): string | undefined {
  return readMark(pid)?.stateDir;
}

function readMark(pid: number): { name: string; fingerprint: string; stateDir: string } | undefined {
  const prefix = `${MARK}=`;
  const entry = readProc(pid, 'environ')
    ?.split('\0')
    .find((line) => line.startsWith(prefix));
  const parts = /^([^:]+):([^:]+):(.+)$/s.exec(entry?.slice(prefix.length) ?? '');
  if (parts === null) return undefined;
  return { name: parts[1]!, fingerprint: parts[2]!, stateDir: parts[3]! };
}

/** Returns for how long a process has been running. */
export function uptimeMs({ startTicks }: Pick<StartedProcess, 'startTicks'>): number {
  const sinceBootSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return Math.max(0, Math.round((sinceBootSeconds - startTicks / TICKS_PER_SECOND) * 1000));
}

/**
 * Returns the memory in bytes of processes that share pages: the unshared pages of all of them, and the shared pages of
 * only the process that has the most.
 */
export function residentBytes(pids: readonly number[]): number {
  let ownPages = 0;
  let sharedPages = 0;
  for (const pid of pids) {
    const [, resident = 0, shared = 0] = (readProc(pid, 'statm') ?? '').split(' ').map(Number);
    ownPages += resident - shared;
    sharedPages = Math.max(sharedPages, shared);
  }
  return (ownPages + sharedPages) * PAGE_BYTES;
}

/** Starts a process that has a mark, and appends its output to its log. */
export function spawnMarked(
  { root, stateDir }: Pick<Plan, 'root' | 'stateDir'>,
  { name, fingerprint, command, env, logPath }: Omit<PlannedProcess, 'ports' | 'readyUrl' | 'stopLimitMs'>,
  detached = false,
) {
  // The log is opened for appending. So when it has been cut, the process continues at its new end.
  const log = openSync(logPath, 'a');
  try {
    return Bun.spawn([...command], {
      cwd: root,
      env: { ...env, [MARK]: toMark(name, fingerprint, stateDir) },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      detached,
    });
  } finally {
    closeSync(log);
  }
}

/** Sends a signal to this process, never to a later one with its pid. Throws an AppError if another user owns it. */
export function signal(target: StartedProcess, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw error;
    throw new AppError(
      'failed-precondition',
      `process ${target.pid} of this system was started by another user: run this command as that user, or as root.`,
    );
  }
}

/** Ends a process: sends it the signal, and SIGKILL when it has not ended within the limit. Returns how it ended. */
export async function end(
  target: OwnProcess,
  limitMs: number,
  stopSignal: NodeJS.Signals = 'SIGTERM',
): Promise<'ended' | 'killed'> {
  signal(target, stopSignal);
  // A process that is stopped (state T) handles the signal only when it continues.
  signal(target, 'SIGCONT');
  if (await hasEnded(target, limitMs)) return 'ended';
  signal(target, 'SIGKILL');
  await hasEnded(target, limitMs);
  return 'killed';
}
