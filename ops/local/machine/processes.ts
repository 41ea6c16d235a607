import { readFileSync, readlinkSync } from 'node:fs';

import { AppError } from '@tally/platform/errors';
import {
  type ProcessStat,
  type StartedProcess,
  hasEnded,
  isAlive,
  listPids,
  readProc,
  readStat,
} from '@tally/platform/embedded';

/**
 * A process that the launcher started, as /proc shows it now.
 *
 * Each carries a mark in its environment: its name, a fingerprint of what it was started from, and the state folder it
 * belongs to. So what runs is read from the system itself: no pid file can be stale, missing or about another process.
 */
export interface OwnProcess extends StartedProcess, ProcessStat {
  readonly name: string;
  readonly fingerprint: string;
}

export const MARK = 'TALLY_PROCESS';
/** The name of the process that keeps the others running. */
export const SUPERVISOR = 'supervisor';

// Linux reports times in /proc in these, whatever the kernel's own tick is.
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** The mark's value. The folder comes last: it alone may hold a colon. */
export function toMark(name: string, fingerprint: string, stateDir: string): string {
  return `${name}:${fingerprint}:${stateDir}`;
}

/** Every living process that was started for this state folder. */
export function findOwnProcesses(stateDir: string): OwnProcess[] {
  return listPids().flatMap((pid) => {
    const found = readMark(pid);
    if (found === undefined || found.stateDir !== stateDir) return [];
    const stat = readStat(pid);
    return stat === undefined ? [] : [{ pid, name: found.name, fingerprint: found.fingerprint, ...stat }];
  });
}

/** The state folder that this process was started for by a launcher; undefined for any other process. */
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

export function readFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/** How long a process has been running. */
export function uptimeMs({ startTicks }: Pick<StartedProcess, 'startTicks'>): number {
  const sinceBootSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return Math.max(0, Math.round((sinceBootSeconds - startTicks / TICKS_PER_SECOND) * 1000));
}

/** Memory of processes in bytes; pages that they share are counted once. */
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

/** Signals exactly this process: a pid that was given to another one since is left alone. */
export function signal(target: StartedProcess, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
    // One that is stopped would not see it.
    if (name === 'SIGTERM') process.kill(target.pid, 'SIGCONT');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    if (code === 'EPERM') throw new AppError('failed-precondition', notOurs(target.pid));
    throw error;
  }
}

function notOurs(pid: number): string {
  return `process ${pid} of this system was started by another user: run this command as that user, or as root.`;
}

/** Ends it: SIGTERM, and SIGKILL where that is not enough within the limit. Returns how it ended. */
export async function end(target: OwnProcess, limitMs: number): Promise<'ended' | 'killed'> {
  signal(target, 'SIGTERM');
  if (await hasEnded(target, limitMs)) return 'ended';
  signal(target, 'SIGKILL');
  await hasEnded(target, limitMs);
  return 'killed';
}
