import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** Returns the date and the machine as one line, to print above figures. */
export function describeMachine(): string {
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Bun ${Bun.version}`;
}

/** Returns the median time to make 8 KiB durable on the disk of a folder, in microseconds. */
export function measureFsyncUs(dir: string): number {
  const file = openSync(join(dir, 'fsync'), 'w');
  const block = Buffer.alloc(8192, 1);
  const tookUs = Array.from({ length: 200 }, () => {
    const startedMs = performance.now();
    writeSync(file, block, 0, block.length, 0);
    fdatasyncSync(file);
    return (performance.now() - startedMs) * 1000;
  });
  closeSync(file);
  return median(tookUs);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
