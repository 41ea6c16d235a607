import { readFileSync } from 'node:fs';

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

/**
 * A process that the launcher started, as /proc shows it now.
 *
 * Each carries a mark in its environment: its name, the fingerprint of what it was started from, and its state folder. What
 * runs is therefore read from the system itself, and no pid file can be stale, missing or about another process.
 */
export interface OwnProcess extends StartedProcess, ProcessStat {
  readonly name: string;
  readonly fingerprint: string;
}

export const MARK = 'TALLY_PROCESS';
/** The name of the process that keeps the others running. */
export const SUPERVISOR = 'supervisor';

// /proc reports times in this unit, whatever the tick of the kernel is.
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Returns the value of the mark. The folder comes last, because it may contain a colon. */
export function toMark(name: string, fingerprint: string, stateDir: string): string {
  return `${name}:${fingerprint}:${stateDir}`;
}

/** Finds every living process that was started for this state folder, without the children that such a process forked. */
export function findOwnProcesses(stateDir: string): OwnProcess[] {
  const marked = listPids().flatMap((pid) => {
    const mark = readMark(pid);
    const stat = mark?.stateDir === stateDir ? readStat(pid) : undefined;
    return mark === undefined || stat === undefined ? [] : [{ pid, ...mark, ...stat }];
  });
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

/** Returns the memory of processes in bytes. Pages that they share are counted once. */
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

/** Signals this process, and no later process with the same pid. Throws an AppError when it belongs to another user. */
export function signal(target: StartedProcess, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw error;
    const message = `process ${target.pid} of this system was started by another user: run this command as that user, or as root.`;
    throw new AppError('failed-precondition', message);
  }
}

/** Ends a process: sends the signal, and SIGKILL when it has not ended within the limit. Returns how it ended. */
export async function end(
  target: OwnProcess,
  limitMs: number,
  stopSignal: NodeJS.Signals = 'SIGTERM',
): Promise<'ended' | 'killed'> {
  signal(target, stopSignal);
  // A stopped process handles the signal only after it continues.
  signal(target, 'SIGCONT');
  if (await hasEnded(target, limitMs)) return 'ended';
  signal(target, 'SIGKILL');
  await hasEnded(target, limitMs);
  return 'killed';
}
