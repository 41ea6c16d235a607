import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

import { listPids, readCommand } from '@tally/platform/embedded';

/** A socket that listens on 127.0.0.1 or on all addresses. It keeps others from listening on its port of 127.0.0.1. */
interface Listener {
  readonly port: number;
  readonly userId: number;
  readonly inode: string;
}

// 0.0.0.0, 127.0.0.1 and ::, and then the first two as addresses of IPv6. The kernel writes each 32-bit word as the
// machine stores it, so the bytes of a word are reversed.
const LOCAL_ADDRESSES = new Set([
  '00000000',
  '0100007F',
  '0'.repeat(32),
  '0000000000000000FFFF000000000000',
  '0000000000000000FFFF00000100007F',
]);
const LISTEN = '0A';

function listListeners(port: number): Listener[] {
  // A kernel without IPv6 has no tcp6.
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => attempt(() => readFileSync(path, 'utf8')) ?? '');
  return tables.flatMap(parseListeners).filter((listener) => listener.port === port);
}

/** Returns the listeners in a table that has the format of /proc/net/tcp. */
export function parseListeners(table: string): Listener[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , userId, , inode] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (state !== LISTEN || inode === undefined || !LOCAL_ADDRESSES.has(address)) return [];
    return [{ port: Number.parseInt(port, 16), userId: Number(userId), inode }];
  });
}

/** Returns whether the process itself listens on the port. */
export function isListening(pid: number, port: number): boolean {
  return holdsSocket(pid, listListeners(port));
}

function holdsSocket(pid: number, listeners: readonly Listener[]): boolean {
  if (listeners.length === 0) return false;
  const names = new Set(listeners.map(({ inode }) => `socket:[${inode}]`));
  const files = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return files.some((file) => names.has(attempt(() => readlinkSync(`/proc/${pid}/fd/${file}`)) ?? ''));
}

/** A process that was not started for the state folder. */
interface Stranger {
  /** Undefined for a process of another user. */
  readonly pid?: number;
  /** The process as a message names it. */
  readonly words: string;
}

/** Returns the process that listens on the port; undefined when none does, or when one of `ownPids` does. */
export function findStranger(port: number, ownPids: readonly number[]): Stranger | undefined {
  const listeners = listListeners(port);
  if (listeners.length === 0 || ownPids.some((pid) => holdsSocket(pid, listeners))) return undefined;
  const pid = listPids().find((candidate) => holdsSocket(candidate, listeners));
  // The kernel hides the open files of another user's process, but it shows the owner of the socket.
  if (pid === undefined) return { words: `a process of user id ${listeners[0]!.userId}` };
  const folder = attempt(() => readlinkSync(`/proc/${pid}/cwd`));
  const where = folder === undefined ? '' : `, in ${folder}`;
  return { pid, words: `process ${pid} (${readCommand(pid) ?? 'unknown'}${where})` };
}

/** Returns what `read` finds in /proc; undefined when the process has ended meanwhile or belongs to another user. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
