import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { AppError } from '@tally/platform/errors';

// Every user may enter this folder, and its files survive a restart of the machine.
const OPEN_FOLDER = '/var/tmp';
const PASSWORD_BYTES = 18;
const ROOT = 0;
// PostgreSQL's own programs pass their path to a shell.
const SHELL_CHARACTERS = /["$`\\]/;

/**
 * Returns the folder for the files of a PostgreSQL server. It lies in the state folder, with one exception. PostgreSQL
 * refuses to run as root, so for root it runs as `nobody`. If `nobody` cannot enter the state folder when the data is
 * created, the files lie below /var/tmp, in a folder whose name is a hash of the state folder's path. Data that was
 * created there stays there.
 */
export function choosePostgresFolder(stateDir: string, name: string): string {
  const inside = join(stateDir, name);
  if (process.getuid?.() !== ROOT) return inside;
  // `postgres-cart` becomes the suffix `-cart`.
  const suffix = name.replace(/^postgres/, '');
  const outside = join(OPEN_FOLDER, `tally-${Bun.hash(stateDir).toString(16).padStart(16, '0')}${suffix}`);
  if (existsSync(join(outside, 'data'))) return outside;
  const closed = findClosedFolder(stateDir);
  if (closed === undefined) return inside;
  if (!existsSync(join(inside, 'data'))) return outside;
  throw new AppError(
    'failed-precondition',
    `PostgreSQL runs as nobody here, who can no longer enter ${closed}, where its data is: chmod o+x ${closed}`,
  );
}

/** Returns the topmost folder on the path that other users may not enter; undefined when they may enter all of them. */
function findClosedFolder(dir: string): string | undefined {
  const above = dirname(dir) === dir ? undefined : findClosedFolder(dirname(dir));
  if (above !== undefined) return above;
  const mode = statSync(dir, { throwIfNoEntry: false })?.mode ?? 0o755;
  return (mode & 0o001) === 0 ? dir : undefined;
}

/** Creates the folder of a server and a password where they are missing. Returns the password. */
export function preparePostgresFolder(dir: string): string {
  const character = SHELL_CHARACTERS.exec(dir)?.[0];
  if (character !== undefined) {
    const message = `PostgreSQL cannot run in ${dir}, because its name contains ${character}.`;
    throw new AppError('failed-precondition', `${message} Choose another folder with TALLY_STATE_DIR.`);
  }
  mkdirSync(dir, { recursive: true });
  const { uid } = lstatSync(dir);
  if (uid !== process.getuid?.()) {
    throw new AppError('failed-precondition', `${dir} belongs to another user (uid ${uid}): move it away.`);
  }
  // The user of PostgreSQL must be able to enter, whatever the umask is. Only that user may enter the data folder
  // inside.
  chmodSync(dir, 0o755);
  const password = join(dir, 'password');
  if (existsSync(password)) return readFileSync(password, 'utf8');
  const data = join(dir, 'data');
  if (existsSync(data)) {
    throw new AppError('failed-precondition', `${data} holds data whose password is not known: move it away.`);
  }
  const text = randomBytes(PASSWORD_BYTES).toString('base64url');
  writeFileSync(password, text, { mode: 0o600 });
  return text;
}
