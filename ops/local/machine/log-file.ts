import { closeSync, copyFileSync, existsSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs';

/**
 * Cuts a log that is larger than the limit: its lines move to `<path>.1`, which replaces an earlier one, and the log
 * becomes empty. It is copied and truncated, not renamed, because the process that writes it keeps it open. Lines that
 * are written in the microseconds between the copy and the cut are lost.
 */
export function rotateLog(path: string, maxBytes: number): void {
  if (sizeOf(path) <= maxBytes) return;
  copyFileSync(path, `${path}.1.part`);
  truncateSync(path);
  renameSync(`${path}.1.part`, `${path}.1`);
}

/** Returns the size of a file in bytes; 0 when there is no such file. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Returns at most `maxBytes` of a file, beginning at the offset. */
export function readBytes(path: string, offset: number, maxBytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(maxBytes, Math.max(0, sizeOf(path) - offset)));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, offset));
  } finally {
    closeSync(file);
  }
}

/** Returns the last lines of a file, at most `maxBytes` of it. Returns none when there is no such file. */
export function readLastLines(path: string, maxLines: number, maxBytes = 1 << 20): string[] {
  if (!existsSync(path) || maxLines === 0) return [];
  const start = Math.max(0, sizeOf(path) - maxBytes);
  const lines = readBytes(path, start, maxBytes).toString('utf8').split('\n');
  // The first line may be incomplete. What follows the last newline is an empty string.
  if (start > 0) lines.shift();
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-maxLines);
}
