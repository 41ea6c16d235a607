import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

import { listPids, readCommand } from '@tally/platform/embedded';

import { readFolder } from './processes.ts';

/** A socket that listens where a server on 127.0.0.1 would. */
interface Listener {
  readonly port: number;
  readonly userId: number;
  readonly inode: string;
}

// 0.0.0.0, 127.0.0.1, ::, and the two again as IPv6 shows them; each word is in the kernel's byte order.
const LOCAL_ADDRESSES = new Set([
  '00000000',
  '0100007F',
  '0'.repeat(32),
  '0000000000000000FFFF000000000000',
  '0000000000000000FFFF00000100007F',
]);
const LISTEN = '0A';

function listListeners(): Listener[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => parseListeners(readTable(file)));
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // A kernel without IPv6 has no tcp6.
    return '';
  }
}

/** Reads the format of /proc/net/tcp. */
export function parseListeners(table: string): Listener[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , userId, , inode] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (state !== LISTEN || inode === undefined || !LOCAL_ADDRESSES.has(address)) return [];
    return [{ port: Number.parseInt(port, 16), userId: Number(userId), inode }];
  });
}

/** Whether the process itself listens on the port. */
export function isListening(pid: number, port: number): boolean {
  const inodes = listListeners()
    .filter((listener) => listener.port === port)
    .map((listener) => listener.inode);
  return inodes.length > 0 && holdsSocket(pid, inodes);
}

function holdsSocket(pid: number, inodes: readonly string[]): boolean {
  const names = new Set(inodes.map((inode) => `socket:[${inode}]`));
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => names.has(readLink(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false;
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

export interface Stranger {
  /** Unknown where it is another user's. */
  readonly pid?: number;
  readonly words: string;
}

/** Who else listens on the port; undefined when nobody does, or one of `ownPids`. */
export function findStranger(port: number, ownPids: readonly number[]): Stranger | undefined {
  const listeners = listListeners().filter((listener) => listener.port === port);
  const inodes = listeners.map((listener) => listener.inode);
  if (listeners.length === 0 || ownPids.some((pid) => holdsSocket(pid, inodes))) return undefined;
  const pid = listPids().find((candidate) => holdsSocket(candidate, inodes));
  // Another user's open files are hidden, the socket's owner is not.
  if (pid === undefined) return { words: `a process of user id ${listeners[0]!.userId}` };
  const folder = readFolder(pid);
  const where = folder === undefined ? '' : `, in ${folder}`;
  return { pid, words: `process ${pid} (${readCommand(pid) ?? 'unknown'}${where})` };
}
