import { readFileSync, rmSync } from 'node:fs';

import { sleep, systemClock } from '@tally/platform/concurrency';
import { listPids, readCommand, readStat } from '@tally/platform/embedded';

import { readPidFile, toPaths } from './postgres-folder.ts';
import { signal } from '../machine/processes.ts';

const SETTLE_LIMIT_MS = 2_000;
const POLL_MS = 20;
// Of postmaster.pid, and of a row of /proc/sysvipc/shm; both counted from 0.
const SHARED_MEMORY_LINE = 6;
const ATTACHED_FIELD = 6;

/**
 * A command that was killed can leave a server behind that has no pid file yet, or a folder being made. Waits until the
 * server can be found, and ends what does not come to an end.
 */
export async function settleRemains(dir: string, findServerPid: () => number | undefined): Promise<void> {
  const untilMs = systemClock.nowMs() + SETTLE_LIMIT_MS;
  for (;;) {
    const remains = listPrograms(dir, findServerPid());
    if (remains.length === 0) return;
    if (systemClock.nowMs() >= untilMs) for (const pid of remains) kill(pid);
    await sleep(systemClock, POLL_MS);
  }
}

/** Processes that run a program of this folder, or are about to, but for the server and its children. */
function listPrograms(dir: string, serverPid: number | undefined): number[] {
  return listPids().filter((pid) => {
    const stat = readStat(pid);
    if (stat === undefined || pid === serverPid || stat.parentPid === serverPid) return false;
    return readCommand(pid)?.includes(`${dir}/programs/bin/`);
  });
}

function kill(pid: number): void {
  const stat = readStat(pid);
  if (stat !== undefined) signal({ pid, startTicks: stat.startTicks }, 'SIGKILL');
}

/**
 * Removes the pid file of a server that is gone. PostgreSQL itself would refuse to start where the pid belongs to another
 * process by now, or to the remains of the killed server, which stay for ever where nobody collects them, as in many
 * containers. It stays while a process of that server still has its memory.
 */
export function clearPidFile(dir: string): void {
  const lines = readPidFile(dir);
  if (lines === undefined) return;
  const { data, pidFile } = toPaths(dir);
  const pid = Number(lines[0]);
  const isServer = readStat(pid) !== undefined && readCommand(pid)?.includes(data) === true;
  const segment = lines[SHARED_MEMORY_LINE]?.trim().split(/\s+/)[1];
  if (isServer || isAttached(segment)) return;
  rmSync(pidFile, { force: true });
}

/** Whether any process is attached to this segment of System V shared memory. */
function isAttached(segment: string | undefined): boolean {
  const rows = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n');
  const fields = rows.map((row) => row.trim().split(/\s+/)).find(([, id]) => id !== undefined && id === segment);
  return Number(fields?.[ATTACHED_FIELD] ?? 0) > 0;
}
