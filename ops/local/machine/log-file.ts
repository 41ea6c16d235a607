import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';

const COPY_BYTES = 1 << 20;

/**
 * Bounds a log that a running process appends to. Past the limit its lines move to `<path>.1`, whose former lines go, and
 * the file starts again from empty: it is copied and cut, because the writer holds it open and cannot be told of a new
 * one. A line written between the last read and the cut, some microseconds, is lost.
 *
 * The writer must have opened it for appending. Returns whether it was rotated.
 */
export function rotateLog(path: string, maxBytes: number): boolean {
  if (!existsSync(path) || statSync(path).size <= maxBytes) return false;
  const source = openSync(path, 'r+');
  const copyPath = `${path}.1.part`;
  const copy = openSync(copyPath, 'w');
  try {
    copyAll(source, copy);
    ftruncateSync(source, 0);
  } finally {
    closeSync(source);
    closeSync(copy);
  }
  renameSync(copyPath, `${path}.1`);
  return true;
}

function copyAll(source: number, copy: number): void {
  const buffer = Buffer.alloc(COPY_BYTES);
  for (;;) {
    const bytes = readSync(source, buffer);
    if (bytes === 0) return;
    writeSync(copy, buffer, 0, bytes);
  }
}

/** The last lines of a file, without the newline; none when there is no such file. */
export function readLastLines(path: string, maxLines: number, maxBytes = 1 << 20): string[] {
  if (!existsSync(path) || maxLines === 0) return [];
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - maxBytes);
    const buffer = Buffer.alloc(size - start);
    const bytes = readSync(file, buffer, 0, buffer.length, start);
    const lines = buffer.toString('utf8', 0, bytes).split('\n');
    // What comes first may be the end of a line, what comes last is the empty rest behind the last newline.
    if (start > 0) lines.shift();
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-maxLines);
  } finally {
    closeSync(file);
  }
}
