import { join } from 'node:path';

import { AppError } from '@tally/platform/errors';

/** Numbers of clients with which pgbench drives the usual transaction. Tally is compared with the best of them. */
export const USUAL_CLIENTS = [4, 8, 16, 64];

/** Runs the usual transaction (usual.sql) with pgbench. Returns the transactions a second. */
export async function runUsual(pgbench: string, url: string, clients: number, seconds: number): Promise<number> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const script = join(import.meta.dir, 'usual.sql');
  const args = ['-n', '-M', 'prepared', '-f', script, '-c', String(clients), '-j', '2', '-T', String(seconds)];
  const child = Bun.spawn([pgbench, ...args, '-h', hostname, '-p', port, '-U', username, pathname.slice(1)], {
    env: { PGPASSWORD: password },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const tps = /tps = ([\d.]+)/.exec(out)?.[1];
  if (tps === undefined) throw new AppError('unavailable', `pgbench failed: ${err.trim()}`);
  return Number(tps);
}
