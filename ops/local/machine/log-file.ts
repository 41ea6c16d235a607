import { closeSync, copyFileSync, existsSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs';

/**
 * Cuts a log that a running process appends to. When it is larger than the limit, its lines move to `<path>.1`, which
 * replaces an earlier one, and the file becomes empty. The file is copied and truncated, because its writer keeps it open.
 * A line that is written between the end of the copy and the cut, some microseconds later, is lost.
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

/** Returns up to `maxBytes` of a file from an offset. */
export function readBytes(path: string, offset: number, maxBytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(maxBytes, Math.max(0, sizeOf(path) - offset)));
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, offset));
  } finally {
    closeSync(file);
  }
}

/** Returns the last lines of a file, out of its last `maxBytes`; none when there is no such file. */
export function readLastLines(path: string, maxLines: number, maxBytes = 1 << 20): string[] {
  if (!existsSync(path) || maxLines === 0) return [];
  const start = Math.max(0, sizeOf(path) - maxBytes);
  const lines = readBytes(path, start, maxBytes).toString('utf8').split('\n');
  // The first line may be incomplete, and after the last newline there is an empty rest.
  if (start > 0) lines.shift();
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-maxLines);
}
