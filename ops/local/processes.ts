import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

import { AppError } from '@tally/platform/errors';
import { type Clock, sleep } from '@tally/platform/concurrency';

/**
 * A process that the launcher started, as /proc shows it now.
 *
 * Each carries a mark in its environment: its name, a fingerprint of what it was started from, and the state folder it
 * belongs to. So what runs is read from the system itself: no pid file can be stale, missing or about another process.
 */
export interface OwnProcess {
  readonly name: string;
  readonly fingerprint: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot. With the pid it names one process and never its successor. */
  readonly startTicks: number;
  readonly parentPid: number;
  /** One letter, as in `ps`: R, S, D, T (stopped by a signal). */
  readonly state: string;
}

export interface ProcessStat {
  readonly parentPid: number;
  readonly state: string;
  readonly startTicks: number;
}

export const MARK = 'TALLY_PROCESS';
/** The name of the process that keeps the others running. */
export const SUPERVISOR = 'supervisor';

// Linux reports times in /proc in these, whatever the kernel's own tick is.
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const POLL_MS = 20;

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

function readMark(pid: number): { name: string; fingerprint: string; stateDir: string } | undefined {
  const prefix = `${MARK}=`;
  const entry = readProc(pid, 'environ')
    ?.split('\0')
    .find((line) => line.startsWith(prefix));
  const parts = /^([^:]+):([^:]+):(.+)$/s.exec(entry?.slice(prefix.length) ?? '');
  if (parts === null) return undefined;
  return { name: parts[1]!, fingerprint: parts[2]!, stateDir: parts[3]! };
}

export function listPids(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** Undefined when there is no such process, or only its remains that nobody has collected. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(pid, 'stat');
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0]!;
  if (state === 'Z' || state === 'X') return undefined;
  return { state, parentPid: Number(fields[1]), startTicks: Number(fields[19]) };
}

/** The command line, its arguments separated by spaces; undefined where it may not be read. */
export function readCommand(pid: number): string | undefined {
  return readProc(pid, 'cmdline')?.replaceAll('\0', ' ').trim() || undefined;
}

export function readFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended meanwhile, or belongs to somebody else.
    return undefined;
  }
}

/** How long a process has been running. */
export function uptimeMs({ startTicks }: Pick<OwnProcess, 'startTicks'>): number {
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

export function listChildren(pid: number): number[] {
  return listPids().filter((candidate) => readStat(candidate)?.parentPid === pid);
}

export function isAlive({ pid, startTicks }: Pick<OwnProcess, 'pid' | 'startTicks'>): boolean {
  return readStat(pid)?.startTicks === startTicks;
}

/** Signals exactly this process: a pid that was given to another one since is left alone. */
export function signal(target: Pick<OwnProcess, 'pid' | 'startTicks'>, name: NodeJS.Signals): void {
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

/** True once it has ended; false when the limit passed first. */
export async function hasEnded(
  clock: Clock,
  target: Pick<OwnProcess, 'pid' | 'startTicks'>,
  limitMs: number,
): Promise<boolean> {
  const until = clock.nowMs() + limitMs;
  while (isAlive(target)) {
    if (clock.nowMs() >= until) return false;
    await sleep(clock, POLL_MS);
  }
  return true;
}

/** Ends it: SIGTERM, and SIGKILL where that is not enough within the limit. Returns how it ended. */
export async function end(clock: Clock, target: OwnProcess, limitMs: number): Promise<'ended' | 'killed'> {
  signal(target, 'SIGTERM');
  if (await hasEnded(clock, target, limitMs)) return 'ended';
  signal(target, 'SIGKILL');
  await hasEnded(clock, target, limitMs);
  return 'killed';
}
