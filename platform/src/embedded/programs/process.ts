import { readFileSync, readdirSync } from 'node:fs';

/** A process as /proc shows it now. */
export interface ProcessStat {
  readonly parentPid: number;
  /** One letter, as in `ps`: R, S, D, T (stopped by a signal). */
  readonly state: string;
  /** Start of the process in clock ticks since boot. With the pid it identifies a process, even when the pid is reused. */
  readonly startTicks: number;
}

/** A process that is identified by its pid and its start. */
export interface StartedProcess {
  readonly pid: number;
  readonly startTicks: number;
}

const POLL_MS = 10;

/** Returns undefined when there is no such process, or only a zombie that its parent has not collected. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(pid, 'stat');
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = ''] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  return { state, parentPid: Number(fields[1]), startTicks: Number(fields[19]) };
}

export function isAlive({ pid, startTicks }: StartedProcess): boolean {
  return readStat(pid)?.startTicks === startTicks;
}

/**
 * Returns the command line, its arguments separated by spaces, or undefined where it may not be read. It is empty for a
 * moment while a process executes its program and while it ends, so its absence does not prove that the process is gone.
 */
export function readCommand(pid: number): string | undefined {
  return readProc(pid, 'cmdline')?.replaceAll('\0', ' ').trim() || undefined;
}

export function listPids(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

export function listChildren(pid: number): StartedProcess[] {
  return listPids().flatMap((child) => {
    const stat = readStat(child);
    return stat?.parentPid === pid ? [{ pid: child, startTicks: stat.startTicks }] : [];
  });
}

/** Reads a file of /proc/<pid>; undefined when the process has ended or belongs to another user. */
export function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Waits until the process has ended and returns true, or false when the limit passes first. */
export async function hasEnded(target: StartedProcess, limitMs: number): Promise<boolean> {
  const untilMs = performance.now() + limitMs;
  while (isAlive(target)) {
    if (performance.now() >= untilMs) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

/** Returns a port of 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
