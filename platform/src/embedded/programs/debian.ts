import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

import { runCommand } from './command.ts';

/** A program that can be run on this machine. */
export interface Program {
  /** The executable. */
  readonly path: string;
  /** Variables that the program needs in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the program comes from, in words. */
  readonly origin: string;
}

/** A program that Debian packages. */
export interface DebianProgram {
  readonly packages: readonly string[];
  /** The executable inside the unpacked packages, such as `usr/bin/redis-server`. */
  readonly path: string;
  /**
   * Matches the names of the dependencies that are unpacked too, even if they are installed on this machine. By
   * default, the libraries that are not installed are unpacked.
   */
  readonly dependencies?: RegExp;
  /** Returns variables that the program needs in its environment when it is unpacked in this folder. */
  readonly env?: (root: string) => Readonly<Record<string, string>>;
  /**
   * Does what the packages' installation scripts would do in the folder of the unpacked files. The scripts are not run.
   */
  readonly finish?: (root: string) => void;
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PACKAGE_LISTS = '/var/lib/apt/lists';
const FETCH_LIMIT_MS = 300_000;
// After a failure nothing is downloaded for this long, so that a registry that is down does not delay every start.
const FETCH_PAUSE_MS = 600_000;
const APT_OPTIONS = ['-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=5', '-o', 'Acquire::https::Timeout=5'];

/**
 * Returns a program without needing root: the one that is unpacked in `dir`, which is downloaded from Debian the first
 * time, else the one on PATH, else undefined. `lists` is the folder of apt's package lists.
 */
export async function fetchProgram(program: DebianProgram, dir: string, lists?: string): Promise<Program | undefined> {
  return (await fetchUnpacked(program, dir, lists)) ?? findOnPath(program);
}

/**
 * Returns the program that is unpacked in `dir`. Downloads it from Debian the first time; returns undefined if that
 * fails. If this machine has no package lists, they are downloaded too, next to `dir`. A registry that does not answer
 * is given up after about 5 seconds, and after a failure no download is tried for 10 minutes.
 */
export async function fetchUnpacked(
  program: DebianProgram,
  dir: string,
  lists = PACKAGE_LISTS,
): Promise<Program | undefined> {
  const failedAtMs = statSync(failurePath(dir), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const isDue = failedAtMs <= Date.now() - FETCH_PAUSE_MS;
  if (isDue && findUnpacked(program, dir) === undefined) await unpack(program, dir, lists);
  return findUnpacked(program, dir);
}

/** Returns the program if it is there already, without downloading anything. */
export function findProgram(program: DebianProgram, dir: string): Program | undefined {
  return findUnpacked(program, dir) ?? findOnPath(program);
}

const failurePath = (dir: string) => `${dir}.failed`;

/** Returns the program on PATH, or in a folder such as /usr/sbin, which is often only on the PATH of root. */
function findOnPath({ path }: DebianProgram): Program | undefined {
  const name = basename(path);
  const found = Bun.which(name) ?? Bun.which(name, { PATH: SYSTEM_PATH });
  return found === null ? undefined : { path: found, env: {}, origin: found };
}

/** Returns the program that `fetchUnpacked` unpacked into `dir`. */
export function findUnpacked({ path, env }: DebianProgram, dir: string): Program | undefined {
  const executable = join(dir, path);
  if (!existsSync(executable)) return undefined;
  // Debian keeps libraries in a folder named after the processor, such as usr/lib/x86_64-linux-gnu.
  const libraries = join(dir, 'usr/lib');
  const folders = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.includes('-linux-')) : [];
  const libraryPath = folders.map((name) => join(libraries, name)).join(':');
  const ownEnv = libraryPath === '' ? {} : { LD_LIBRARY_PATH: libraryPath };
  return { path: executable, env: { ...ownEnv, ...env?.(dir) }, origin: "Debian's package" };
}

/**
 * Downloads and unpacks the program into `dir`. If that fails, it does not throw, but writes the reason into a file. It
 * unpacks into a temporary folder and renames it, because another process may do the same at the same moment.
 */
async function unpack(program: DebianProgram, dir: string, lists: string): Promise<void> {
  mkdirSync(dirname(dir), { recursive: true });
  const temporary = mkdtempSync(`${dir}.making-`);
  const root = join(temporary, 'root');
  const signal = AbortSignal.timeout(FETCH_LIMIT_MS);
  const apt = async (tool: 'apt-get' | 'apt-cache', ...args: string[]) =>
    await runCommand([tool, ...APT_OPTIONS, ...listOptions, ...args], { signal, cwd: temporary });
  const listOptions = hasLists(lists) ? [] : toListOptions(dir);
  try {
    if (listOptions.length > 0) await apt('apt-get', 'update');
    const names = await listPackages(program, (packages) =>
      apt('apt-cache', 'depends', '--no-recommends', '--no-suggests', ...packages),
    );
    // If the registry is silent, apt-get waits once for each package. So the first one is downloaded alone.
    for (const batch of [names.slice(0, 1), names.slice(1)]) {
      if (batch.length > 0) await apt('apt-get', 'download', ...batch);
    }
    for (const file of readdirSync(temporary).filter((name) => name.endsWith('.deb'))) {
      await runCommand(['dpkg', '-x', file, 'root'], { signal, cwd: temporary });
    }
    program.finish?.(root);
    relink(root);
    const unpacked = findUnpacked(program, root);
    if (unpacked === undefined) throw new Error(`the packages contain no ${program.path}`);
    await runCommand([unpacked.path, '--version'], { signal, env: unpacked.env });
    rmSync(failurePath(dir), { force: true });
    renameSync(root, dir);
  } catch (error) {
    // If another process was faster, the rename fails, and the folder of that process is used.
    if (!existsSync(dir))
      writeFileSync(failurePath(dir), `${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function hasLists(lists: string): boolean {
  return existsSync(lists) && readdirSync(lists).some((name) => name.includes('_Packages'));
}

/** Returns options that make apt keep its package lists in a folder next to `dir`, for which it does not need root. */
function toListOptions(dir: string): string[] {
  const lists = join(dirname(dir), 'apt-lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  return ['-o', `Dir::State::Lists=${lists}`, '-o', 'Acquire::GzipIndexes=true'];
}

/** Returns the names of the packages and of the dependencies to unpack, as Debian's package lists give them. */
async function listPackages(
  { packages, dependencies }: DebianProgram,
  readDepends: (packages: readonly string[]) => Promise<string>,
): Promise<string[]> {
  const statuses = await runCommand(['dpkg-query', '-W', '-f', '${db:Status-Status} ${Package}\n']);
  const installed = new Set(statuses.split('\n'));
  const isWanted = (name: string) =>
    dependencies?.test(name) ?? (name.startsWith('lib') && !installed.has(`installed ${name}`));
  const names = new Set(packages);
  for (let added = [...names]; added.length > 0;) {
    const depends = await readDepends(added);
    const found = [...depends.matchAll(/Depends: ([\w.+-]+)/g)].map(([, name = '']) => name);
    added = [...new Set(found)].filter((name) => !names.has(name) && isWanted(name));
    for (const name of added) names.add(name);
  }
  return [...names];
}

/** Makes an absolute symbolic link relative if its target was unpacked into `root` as well. */
function relink(root: string): void {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) continue;
    const target = join(root, readlinkSync(path));
    const isInside = lstatSync(target, { throwIfNoEntry: false }) !== undefined;
    if (!readlinkSync(path).startsWith('/') || !isInside) continue;
    rmSync(path);
    symlinkSync(relative(dirname(path), target), path);
  }
}
