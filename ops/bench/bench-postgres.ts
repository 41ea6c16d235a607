import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { type EmbeddedPostgres, createDatabase, migrate, startEmbeddedPostgres } from '@tally/platform/postgres';
import { freePort } from '@tally/platform/programs';

const ROOT = resolve(import.meta.dir, '../..');

/** A PostgreSQL of a benchmark's own, with real fsync, which goes with the stack; its folder too. */
export async function startBenchPostgres(
  stack: AsyncDisposableStack,
): Promise<{ readonly dir: string; readonly server: EmbeddedPostgres }> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-bench-'));
  chmodSync(dir, 0o755);
  stack.defer(() => rmSync(dir, { recursive: true, force: true }));
  const programsDir = join(tmpdir(), `tally-postgres-18-${process.getuid?.() ?? 0}`);
  const options = { dir, programsDir, port: freePort(), password: 'tally', lifetime: 'parent' } as const;
  const server = await startEmbeddedPostgres(options);
  stack.defer(() => server.stop());
  return { dir, server };
}

/** A database with the newest schema of this name. Returns its URL. */
export async function createBenchDatabase(server: EmbeddedPostgres, name: string, schema: string): Promise<string> {
  const url = await createDatabase(server.adminUrl, name);
  await migrate({ url, dir: join(ROOT, 'sql', schema, 'migrations') });
  return url;
}
