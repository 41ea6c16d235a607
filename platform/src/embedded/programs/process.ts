import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';

import { AppError } from '../../errors/index.ts';

/** A process as /proc shows it now. */
export interface ProcessStat {
  readonly parentPid: number;
  /** One letter, as in `ps`: R, S, D, T (stopped by a signal). */
  readonly state: string;
  /** Start of the process in clock ticks since boot. With the pid it names one process and never its successor. */
  readonly startTicks: number;
}

export interface StartedProcess {
  readonly pid: number;
  readonly startTicks: number;
}

const POLL_MS = 10;
const LAST_LINES = 3;

/** Starts a program in a session of its own; both of its outputs go to the end of this log, or nowhere. */
export function startDetached(
  [program = '', ...args]: readonly string[],
  { env, logPath }: { readonly env: NodeJS.ProcessEnv; readonly logPath?: string },
): StartedProcess {
  const log = logPath === undefined ? 'ignore' : openSync(logPath, 'a');
  const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true, env, cwd: '/' });
  if (log !== 'ignore') closeSync(log);
  child.on('error', () => {});
  child.unref();
  if (child.pid === undefined) {
    throw new AppError('failed-precondition', `cannot run ${program}: is it installed?`);
  }
  return toStarted(child.pid);
}

/** Undefined when there is no such process, or only its remains that nobody has collected. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = readProc(pid, 'stat');
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = ''] = fields;
  if (state === 'Z' || state === 'X') return undefined;
  return { state, parentPid: Number(fields[1]), startTicks: Number(fields[19]) };
}

export function isAlive({ pid, startTicks }: StartedProcess): boolean {
  return readStat(pid)?.startTicks === startTicks;
}

/** This process as it is now. One that ended already has a start that no process has. */
export function toStarted(pid: number): StartedProcess {
  return { pid, startTicks: readStat(pid)?.startTicks ?? -1 };
}

/**
 * The command line, its arguments separated by spaces; undefined where it may not be read. It is empty for a moment while
 * a process becomes its program, and while it ends: so it says what a process is, and not whether it is.
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

export function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended meanwhile, or belongs to somebody else.
    return undefined;
  }
}

/** True once it has ended; false when the limit passed first. */
export async function hasEnded(target: StartedProcess, limitMs: number): Promise<boolean> {
  const untilMs = performance.now() + limitMs;
  while (isAlive(target)) {
    if (performance.now() >= untilMs) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

/** The end of a program's log in one line, for a message. */
export function readLastLines(path: string): string {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  return lines.slice(-LAST_LINES).join(' | ');
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
