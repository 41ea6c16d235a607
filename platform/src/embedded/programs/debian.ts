import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A server of Debian's that can be run. */
export interface ServerPrograms {
  readonly server: string;
  /** What it must have in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it comes from, in words. */
  readonly origin: string;
}

/** Which server, and where it is to be had. */
export interface ServerPackage {
  readonly packages: readonly string[];
  /** In the unpacked packages: `usr/bin/redis-server`. */
  readonly path: string;
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
// Servers lie in folders that are on root's PATH alone.
const PATH = [process.env['PATH'], SYSTEM_PATH].filter(Boolean).join(':');
const LISTS = '/var/lib/apt/lists';
const FETCH_LIMIT_MS = 10_000;
// So that a registry that does not answer is waited for once, and not at every start.
const FETCH_PAUSE_MS = 600_000;

/**
 * A server without root: Debian's packages, unpacked into `dir`, where the package lists of this machine name them; else
 * the one on PATH; else undefined. It downloads at most once, which takes a second, and waits for a registry no longer
 * than 10 s; after a failure it does not try again for 10 minutes. Without package lists nothing is tried.
 */
export async function fetchServerPrograms(
  wanted: ServerPackage,
  dir: string,
  lists = LISTS,
): Promise<ServerPrograms | undefined> {
  const found = findUnpacked(wanted, dir);
  if (found !== undefined) return found;
  const hasFailed = (statSync(failureOf(dir), { throwIfNoEntry: false })?.mtimeMs ?? 0) > Date.now() - FETCH_PAUSE_MS;
  if (!hasFailed && hasLists(lists)) await unpackPackages(wanted, dir);
  return findServerPrograms(wanted, dir);
}

/** The server that is there already; nothing is downloaded. */
export function findServerPrograms(wanted: ServerPackage, dir: string): ServerPrograms | undefined {
  return findUnpacked(wanted, dir) ?? findOnPath(wanted);
}

const failureOf = (dir: string) => `${dir}.failed`;

function hasLists(lists: string): boolean {
  return existsSync(lists) && readdirSync(lists).some((name) => name.includes('_Packages'));
}

function findOnPath({ path }: ServerPackage): ServerPrograms | undefined {
  const server = Bun.which(basename(path), { PATH });
  return server === null ? undefined : { server, env: {}, origin: server };
}

function findUnpacked({ path }: ServerPackage, dir: string): ServerPrograms | undefined {
  const server = join(dir, path);
  if (!existsSync(server)) return undefined;
  // Libraries lie in a folder named after the processor: usr/lib/x86_64-linux-gnu.
  const libraries = join(dir, 'usr/lib');
  const folders = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.includes('-linux-')) : [];
  const env = { LD_LIBRARY_PATH: folders.map((name) => join(libraries, name)).join(':') };
  return { server, env, origin: "Debian's package" };
}

/** Into a folder of its own first: another process may do the same at the same moment. */
async function unpackPackages(wanted: ServerPackage, dir: string): Promise<void> {
  mkdirSync(dirname(dir), { recursive: true });
  const making = mkdtempSync(`${dir}.making-`);
  const signal = AbortSignal.timeout(FETCH_LIMIT_MS);
  try {
    const names = [...wanted.packages, ...(await listMissingLibraries(wanted, signal))];
    const options = ['-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=5', '-o', 'Acquire::https::Timeout=5'];
    await run(['apt-get', 'download', ...options, ...names], signal, making);
    for (const file of readdirSync(making).filter((name) => name.endsWith('.deb'))) {
      await run(['dpkg', '-x', file, 'root'], signal, making);
    }
    const unpacked = findUnpacked(wanted, join(making, 'root'));
    if (unpacked === undefined) throw new Error(`there is no ${wanted.path} in the packages`);
    await run([unpacked.server, '--version'], signal, making, unpacked.env);
    rmSync(failureOf(dir), { force: true });
    renameSync(join(making, 'root'), dir);
  } catch (error) {
    // Also when another process was faster; then its folder is there.
    if (!existsSync(dir)) writeFileSync(failureOf(dir), `${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** The libraries that the packages need and this machine lacks, as Debian's own lists name them. */
async function listMissingLibraries({ packages }: ServerPackage, signal: AbortSignal): Promise<string[]> {
  const depends = await run(['apt-cache', 'depends', '--no-recommends', '--no-suggests', ...packages], signal);
  const names = [...depends.matchAll(/Depends: (lib[\w.+-]+)/g)].map(([, name = '']) => name);
  const wanted = [...new Set(names)].filter((name) => name !== 'libc6');
  const installed = await run(['dpkg-query', '-W', '-f', '${db:Status-Status} ${Package}\n'], signal);
  const lines = new Set(installed.split('\n'));
  return wanted.filter((name) => !lines.has(`installed ${name}`));
}

/** What it prints. */
async function run(command: string[], signal: AbortSignal, cwd = '/', env: Record<string, string> = {}) {
  const child = Bun.spawn(command, {
    cwd,
    // With its proxies; in English, since it is read here.
    env: { ...process.env, PATH, LC_ALL: 'C', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    signal,
    killSignal: 'SIGKILL',
  });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command[0]}: ${error.trim() || 'took too long'}`);
  return out;
}
