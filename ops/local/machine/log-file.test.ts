import { expect, test } from 'bun:test';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readLastLines, rotateLog } from './log-file.ts';

function openFolder() {
  const dir = mkdtempSync(join(tmpdir(), 'tally-log-'));
  return { path: join(dir, 'a.log'), [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

test('a log over its limit moves to .1 and begins again, and a log within its limit stays', () => {
  using folder = openFolder();
  const { path } = folder;
  rotateLog(path, 5);
  writeFileSync(path, 'one\n');
  rotateLog(path, 5);
  expect(existsSync(`${path}.1`)).toBe(false);
  appendFileSync(path, 'two\n');
  rotateLog(path, 5);
  expect([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['one\ntwo\n', '']);
});

test('the last lines are complete lines, out of the last bytes of the file', () => {
  using folder = openFolder();
  const { path } = folder;
  expect(readLastLines(path, 3)).toEqual([]);
  writeFileSync(path, 'first\nsecond\nthird\n');
  expect(readLastLines(path, 2)).toEqual(['second', 'third']);
  expect(readLastLines(path, 0)).toEqual([]);
  // 12 bytes begin in the middle of the second line.
  expect(readLastLines(path, 3, 12)).toEqual(['third']);
});
