import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { AppError } from '@tally/platform/errors';

// Everybody may enter it, and its files outlive a reboot.
const OPEN_PLACE = '/var/tmp';
const PASSWORD_BYTES = 18;
const ROOT = 0;
// Of postmaster.pid, counted from 0.
const PORT_LINE = 3;

/**
 * Where the PostgreSQL of this name keeps its files: in the state folder, unless we are root, PostgreSQL therefore runs as nobody, and
 * nobody may not enter the state folder; then in a folder below /var/tmp, named after the state folder.
 */
export function choosePostgresFolder(stateDir: string, name: string): string {
  const inside = join(stateDir, name);
  if (process.getuid?.() !== ROOT) return inside;
  const outside = join(OPEN_PLACE, `tally-${Bun.hash(stateDir).toString(16).padStart(16, '0')}${suffixOf(name)}`);
  if (existsSync(join(outside, 'data'))) return outside;
  const closed = findClosedFolder(stateDir);
  if (closed === undefined) return inside;
  if (existsSync(join(inside, 'data'))) {
    throw new AppError(
      'failed-precondition',
      `PostgreSQL runs as nobody here, who cannot enter ${closed} any more, where its data is: chmod o+x ${closed}`,
    );
  }
  return outside;
}

/** `-cart` of `postgres-cart`. */
const suffixOf = (name: string) => name.replace(/^postgres/, '');

/** The first folder on the way to this one that not everybody may enter. */
function findClosedFolder(dir: string): string | undefined {
  const above = dirname(dir) === dir ? undefined : findClosedFolder(dirname(dir));
  if (above !== undefined) return above;
  const mode = statSync(dir, { throwIfNoEntry: false })?.mode ?? 0o755;
  return (mode & 0o001) === 0 ? dir : undefined;
}

// PostgreSQL's own programs hand their path to a shell.
const SHELL_CHARACTERS = /["$`\\]/;

/** Makes the folder, with a new password where it holds no data yet. */
export function prepareFolder(dir: string): void {
  const wrong = SHELL_CHARACTERS.exec(dir)?.[0];
  if (wrong !== undefined) {
    const message = `PostgreSQL cannot live in ${dir}: its name has a ${wrong}. TALLY_STATE_DIR chooses another folder.`;
    throw new AppError('failed-precondition', message);
  }
  mkdirSync(dir, { recursive: true });
  const { uid } = lstatSync(dir);
  if (uid !== process.getuid?.()) {
    throw new AppError('failed-precondition', `${dir} belongs to another user (uid ${uid}): move it away.`);
  }
  // Whatever the umask says: its data folder within is closed anyway.
  chmodSync(dir, 0o755);
  const { password, newPassword, data } = toPaths(dir);
  if (existsSync(password)) return;
  if (existsSync(data) && !existsSync(newPassword)) {
    throw new AppError('failed-precondition', `${data} holds data whose password is not known: move it away.`);
  }
  // Its first start was broken off before anything could be stored in it.
  rmSync(data, { recursive: true, force: true });
  writeFileSync(newPassword, randomBytes(PASSWORD_BYTES).toString('base64url'), { mode: 0o600 });
}

/** From now on the data is worth keeping. */
export function confirmPassword(dir: string): void {
  const { password, newPassword } = toPaths(dir);
  if (!existsSync(password)) renameSync(newPassword, password);
}

export function readPassword(dir: string): string | undefined {
  const { password, newPassword } = toPaths(dir);
  const path = [password, newPassword].find((candidate) => existsSync(candidate));
  return path === undefined ? undefined : readFileSync(path, 'utf8');
}

/** The port that the server of this folder was started with last. */
export function readServerPort(dir: string): number | undefined {
  return Number(readPidFile(dir)?.[PORT_LINE]) || undefined;
}

export function readPidFile(dir: string): string[] | undefined {
  const { pidFile } = toPaths(dir);
  return existsSync(pidFile) ? readFileSync(pidFile, 'utf8').split('\n') : undefined;
}

export function toPaths(dir: string) {
  const data = join(dir, 'data');
  return {
    data,
    pidFile: join(data, 'postmaster.pid'),
    password: join(dir, 'password'),
    newPassword: join(dir, 'password.new'),
  };
}
