import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { readCommand, readStat } from '@tally/platform/embedded';

// Lines of postmaster.pid and fields of /proc/sysvipc/shm, counted from 0.
const SHARED_MEMORY_LINE = 6;
const ATTACHED_FIELD = 6;

/**
 * Removes the pid file of a PostgreSQL server that is gone. PostgreSQL refuses to start when the pid in it belongs to any
 * living process, and to the remains of a killed server, which stay for ever in a container without an init process. The
 * file is kept while a process of that server still uses its shared memory: it would write to the same data.
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

/** Returns whether any process is attached to this segment of System V shared memory. */
function isAttached(segment: string | undefined): boolean {
  const rows = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n');
  const fields = rows.map((row) => row.trim().split(/\s+/)).find(([, id]) => id !== undefined && id === segment);
  return Number(fields?.[ATTACHED_FIELD] ?? 0) > 0;
}
