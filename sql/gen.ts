import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { pgDump } from '@electric-sql/pglite-tools/pg_dump';
import { closeTestServer, openTestDatabase } from '@tally/platform/testing';

import { DATABASES } from './databases.ts';

/*
  Generates the typed functions of every query and dumps the schema of every database. The argument is the folder to
  write into, by default the checkout. The gate passes an empty folder, and compares the result with what is committed.
*/

const ROOT = resolve(import.meta.dir, '..');

const into = resolve(process.argv[2] ?? ROOT);
try {
  for (const [database, { functions }] of Object.entries(DATABASES)) {
    await generateQueries(database, join(into, functions));
    await dumpSchema(database, join(into, 'sql', database, 'schema.sql'));
    console.log(`${database}: queries in ${functions}, schema in sql/${database}/schema.sql`);
  }
} finally {
  await closeTestServer();
}

async function generateQueries(database: string, target: string): Promise<void> {
  const queries = join(ROOT, 'sql', database, 'queries');
  const names = existsSync(queries) ? readdirSync(queries).filter((name) => name.endsWith('.sql')) : [];
  // A file left from an earlier run could hide that pgtyped failed to write it.
  rmSync(target, { recursive: true, force: true });
  if (names.length === 0) return;
  mkdirSync(target, { recursive: true });
  await using testDatabase = await openTestDatabase(database);
  const complaints = await runPgtyped(queries, target, new URL(testDatabase.url));
  // pgtyped exits with 0 on wrong SQL even with failOnError. A missing file or an error in its output shows it.
  const missing = names.filter((name) => !existsSync(join(target, name.replace('.sql', '.queries.ts'))));
  if (missing.length > 0 || /error/i.test(complaints)) {
    throw new Error(`sql/${database}/queries: ${missing.join(', ')}\n${complaints}`);
  }
  for (const name of readdirSync(target)) stripPath(join(target, name), queries);
}

async function runPgtyped(queries: string, target: string, url: URL): Promise<string> {
  const folder = mkdtempSync(join(import.meta.dir, '.pgtyped-'));
  const config = {
    transforms: [{ mode: 'sql', include: '*.sql', emitTemplate: `${target}/{{name}}.queries.ts` }],
    srcDir: queries,
    failOnError: true,
    camelCaseColumnNames: false,
    typesOverrides: { int8: 'bigint' },
  };
  try {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, 'node_modules/.bin/pgtyped'), '-c', join(folder, 'config.json')],
      {
        cwd: import.meta.dir,
        // Under Bun, pgtyped exits with 0 at once when it is given a URI.
        env: {
          ...process.env,
          PGHOST: url.hostname,
          PGPORT: url.port,
          PGUSER: url.username,
          PGPASSWORD: url.password,
          PGDATABASE: url.pathname.slice(1),
        },
        stdout: 'pipe',
        stderr: 'pipe',
      },
    );
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    return out + err;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Makes the path of the query file relative to the checkout. pgtyped writes an absolute path into the first line. */
function stripPath(path: string, queries: string): void {
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(
      /^(\/\*\* Types generated for queries found in ").*\/([^/"]+")/,
      `$1${queries.slice(ROOT.length + 1)}/$2`,
    ),
  );
}

/** Runs the migrations in PGlite and dumps the schema with its pg_dump, so that every machine writes the same text. */
async function dumpSchema(database: string, path: string): Promise<void> {
  const folder = join(ROOT, 'sql', database, 'migrations');
  const pg = await PGlite.create();
  for (const name of readdirSync(folder).toSorted()) await pg.exec(readFileSync(join(folder, name), 'utf8'));
  const dump = await pgDump({ pg, args: ['--schema-only', '--no-owner', '--no-privileges', '--restrict-key=tally'] });
  await pg.close();
  mkdirSync(join(path, '..'), { recursive: true });
  const lines = (await dump.text())
    .split('\n')
    .filter((line) => !/^(--|SET |SELECT pg_catalog|\\(un)?restrict)/.test(line));
  writeFileSync(
    path,
    `${lines
      .join('\n')
      .replace(/\n{2,}/g, '\n\n')
      .trim()}\n`,
  );
}
