import { readFileSync, readdirSync } from 'node:fs';

/** A process as /proc shows it now. */
export interface ProcessStat {
  readonly parentPid: number;
  /** One letter, as in `ps`: R, S, D, T (stopped by a signal). */
  readonly state: string;
  /**
   * Start of the process in clock ticks since boot. With the pid it identifies a process, even when the pid is reused.
   */
  readonly startTicks: number;
}

/** A process that is identified by its pid and its start. */
export interface StartedProcess {
  readonly pid: number;
  readonly startTicks: number;
}

const POLL_MS = 10;

/** Returns what /proc shows of a process; undefined if it does not exist, or is a zombie that awaits its parent. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(pid, 'stat');
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = ''] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  return { state, parentPid: Number(fields[1]), startTicks: Number(fields[19]) };
}

/** Returns whether the process still runs. Another process that was given its pid later does not count. */
export function isAlive({ pid, startTicks }: StartedProcess): boolean {
  return readStat(pid)?.startTicks === startTicks;
}

/**
 * Returns the command line, with spaces between the arguments; undefined if it is empty or may not be read. It is empty
 * for a moment while a process starts its program and while it ends, so undefined does not prove that the process is
 * gone.
 */
export function readCommand(pid: number): string | undefined {
  return readProc(pid, 'cmdline')?.replaceAll('\0', ' ').trim() || undefined;
}

/** Returns the pids of all processes of this machine. */
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

/** Returns the text of a file of /proc/<pid>; undefined if the process has ended or the file may not be read. */
export function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Waits until the process has ended. Returns whether that happened within the limit. */
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
