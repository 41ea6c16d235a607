import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { type EmbeddedPostgres, freePort, startEmbeddedPostgres } from '../embedded/index.ts';
import { asAdmin, createDatabase, migrate } from '../postgres/index.ts';
import { readTestConfig } from './config.ts';

/** A database for one test file, with all migrations applied. Disposing it drops it. */
export interface TestDatabase extends AsyncDisposable {
  /** URL for the role `tally`, which services use. */
  readonly url: string;
  /** URL for the superuser, who may read pg_stat_activity and end connections. */
  readonly adminUrl: string;
}

const ROOT = resolve(import.meta.dir, '../../..');
// The password of servers that live for one test run. No test contains it.
const PASSWORD = 'tally';

/**
 * Creates a database with `sql/<name>/migrations`, in some 30 ms: the migrations run once for each server, in a
 * template that is cloned.
 */
export async function openTestDatabase(name: string): Promise<TestDatabase> {
  const serverUrl = await serverOfThisRun();
  const template = await templateOf(serverUrl, name);
  const database = `${name}_${readTestConfig().worker}_${randomUUID().slice(0, 8)}`;
  await asAdmin(serverUrl, (client) => client.query(`create database ${database} template ${template} owner tally`));
  return {
    url: await createDatabase(serverUrl, database),
    adminUrl: withDatabase(serverUrl, database),
    async [Symbol.asyncDispose]() {
      await asAdmin(serverUrl, (client) => client.query(`drop database if exists ${database} with (force)`));
    },
  };
}

/** A server of one test, with real fsync, which can be stopped, killed and started again on the same port. */
export interface TestServer extends AsyncDisposable {
  readonly adminUrl: string;
  /** Creates a database, applies `sql/<name>/migrations`, and returns its URL for the role `tally`. */
  database(name: string): Promise<string>;
  /** Ends the server with SIGKILL, as a crash of the machine would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts a server for one test. Disposing it ends it and deletes its data. */
export async function openTestServer(): Promise<TestServer> {
  const { dir, start } = await newServer({});
  let server = await start();
  return {
    adminUrl: server.adminUrl,
    async database(name) {
      const url = await createDatabase(server.adminUrl, name);
      await migrate({ url, dir: migrationsOf(name) });
      return url;
    },
    kill: () => server.kill(),
    stop: () => server.stop(),
    async start() {
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const migrationsOf = (name: string) => join(ROOT, 'sql', name, 'migrations');

const withDatabase = (url: string, name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;

async function newServer(settings: Readonly<Record<string, string>>) {
  const dir = mkdtempSync(join(tmpdir(), 'tally-test-'));
  chmodSync(dir, 0o755);
  const port = freePort();
  const programsDir = join(tmpdir(), `tally-postgres-18-${process.getuid?.() ?? 0}`);
  // Shared memory lies in the data folder, so that a killed server leaves nothing once the folder is removed.
  const all = { ...settings, dynamic_shared_memory_type: 'mmap' };
  const options = { dir, programsDir, port, password: PASSWORD, settings: all } as const;
  return { dir, start: () => startEmbeddedPostgres(options) };
}

let server: Promise<string> | undefined;
let closeServer: () => Promise<void> = async () => {};

/** Ends the server that this process started. Called after the last test. */
export const closeTestServer = (): Promise<void> => closeServer();

const templates = new Map<string, Promise<string>>();

/** Returns the server that the test runner started, else one that this process starts and ends. */
function serverOfThisRun(): Promise<string> {
  const { postgresUrl } = readTestConfig();
  server ??= postgresUrl === undefined ? startOwnServer() : Promise.resolve(postgresUrl);
  return server;
}

async function startOwnServer(): Promise<string> {
  // No data of an ordinary test has to survive a crash.
  const { dir, start } = await newServer({ fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' });
  const started: EmbeddedPostgres = await start();
  closeServer = async () => {
    await started.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  return started.adminUrl;
}

function templateOf(serverUrl: string, name: string): Promise<string> {
  const known = templates.get(name) ?? makeTemplate(serverUrl, name);
  templates.set(name, known);
  return known;
}

/** Creates a template, under another name until it is complete. Of several processes, the first one creates it. */
async function makeTemplate(serverUrl: string, name: string): Promise<string> {
  const template = `template_${name}`;
  await asAdmin(serverUrl, async (client) => {
    await client.query('select pg_advisory_lock(hashtext($1))', [template]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template]);
    if (rowCount !== 0) return;
    const unfinished = `${template}_unfinished`;
    await client.query(`drop database if exists ${unfinished} with (force)`);
    const url = await createDatabase(serverUrl, unfinished);
    await migrate({ url, dir: migrationsOf(name) });
    await client.query(`alter database ${unfinished} rename to ${template}`);
  });
  return template;
}
