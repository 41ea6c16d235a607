import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { readCommand, readStat } from '@tally/platform/embedded';

// Lines of postmaster.pid and fields of /proc/sysvipc/shm, counted from 0.
const SHARED_MEMORY_LINE = 6;
const ATTACHED_FIELD = 6;

/**
 * Removes the pid file of a PostgreSQL server that is gone. Left in place, it could keep PostgreSQL from starting for
 * ever: the pid in it may by now be that of another program, or of a zombie, which nobody collects in a container
 * without an init process. While any process of the old server still uses its shared memory, the file stays, because
 * that process could write to the same data as a new server.
 */
export function clearPidFile(dataDir: string): void {
  const pidFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  const pid = Number(lines[0]);
  const isServer = readStat(pid) !== undefined && readCommand(pid)?.includes(dataDir) === true;
  const segment = lines[SHARED_MEMORY_LINE]?.trim().split(/\s+/)[1];
  if (!isServer && !isAttached(segment)) rmSync(pidFile, { force: true });
}

/** Returns whether any process is attached to the segment of System V shared memory with this id. */
function isAttached(segment: string | undefined): boolean {
  const rows = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n');
  const fields = rows.map((row) => row.trim().split(/\s+/)).find(([, id]) => id !== undefined && id === segment);
  return Number(fields?.[ATTACHED_FIELD] ?? 0) > 0;
}
