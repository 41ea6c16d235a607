import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';

import { AppError } from '../../errors/index.ts';
import { toLastLines } from './command.ts';

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

/** Starts a program in a session of its own, so that it outlives this process. Its output is appended to the log. */
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

/** Identifies the process that has this pid now. One that has ended already gets a start that no process has. */
export function toStarted(pid: number): StartedProcess {
  return { pid, startTicks: readStat(pid)?.startTicks ?? -1 };
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

/** Signals exactly this process: another one that has its pid by now is left alone. */
export function sendSignal(target: StartedProcess, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
    // A stopped process handles the signal only when it continues.
    if (name === 'SIGTERM' || name === 'SIGINT') process.kill(target.pid, 'SIGCONT');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    if (code !== 'EPERM') throw error;
    const message = `process ${target.pid} of this system was started by another user: run this command as that user, or as root.`;
    throw new AppError('failed-precondition', message);
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

/** Returns the end of a program's log as one line, for a message. */
export function readLastLines(path: string): string {
  return existsSync(path) ? toLastLines(readFileSync(path, 'utf8')) : '';
}

/** Returns a port of 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
