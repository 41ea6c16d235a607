import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type EmbeddedPostgres, freePort, startEmbeddedPostgres } from '@tally/platform/embedded';
import { createDatabase, migrate } from '@tally/platform/postgres';

import { CHECKOUT } from './programs.ts';

/** Starts a PostgreSQL for one benchmark, with fsync on. Disposing the stack stops it and removes its folder. */
export async function startBenchPostgres(
  stack: AsyncDisposableStack,
): Promise<{ readonly dir: string; readonly server: EmbeddedPostgres }> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-bench-'));
  chmodSync(dir, 0o755);
  stack.defer(() => rmSync(dir, { recursive: true, force: true }));
  const programsDir = join(tmpdir(), `tally-postgres-18-${process.getuid?.() ?? 0}`);
  const options = { dir, programsDir, port: freePort(), password: 'tally' } as const;
  const server = await startEmbeddedPostgres(options);
  stack.defer(() => server.stop());
  return { dir, server };
}

/** Creates a database with the newest schema of a service, as the checkout at `root` has it. Returns its URL. */
export async function createBenchDatabase(
  server: EmbeddedPostgres,
  name: string,
  schema: string,
  root = CHECKOUT,
): Promise<string> {
  const url = await createDatabase(server.adminUrl, name);
  await migrate({ url, dir: join(root, 'sql', schema, 'migrations') });
  return url;
}
