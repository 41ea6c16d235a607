import { expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readLog, rememberLog, requireSameLog, upCall } from './chosen-log.ts';
import { toRunFiles } from './run-files.ts';

function openState() {
  const stateDir = mkdtempSync(join(tmpdir(), 'tally-log-'));
  const files = toRunFiles(stateDir);
  mkdirSync(files.run);
  return { stateDir, files, [Symbol.dispose]: () => rmSync(stateDir, { recursive: true }) };
}

test('a new state folder takes either log, and keeps to the one it was first started with', () => {
  using state = openState();
  const { files, stateDir } = state;
  expect(readLog(files)).toBeUndefined();
  requireSameLog(files, stateDir, 'kafka');
  rememberLog(files, 'kafka');
  requireSameLog(files, stateDir, 'kafka');
  expect(upCall(files)).toBe('just up kafka');
  expect(() => requireSameLog(files, stateDir, 'postgres')).toThrow(
    `The data in ${stateDir} goes with Kafka as its log: just up kafka goes on with it; just down --remove removes it, and then just up starts anew.`,
  );
});

test('a state folder from before there was a choice goes with PostgreSQL', () => {
  using state = openState();
  writeFileSync(state.files.plan, '{}');
  expect(readLog(state.files)).toBe('postgres');
  expect(upCall(state.files)).toBe('just up');
  expect(() => requireSameLog(state.files, state.stateDir, 'kafka')).toThrow('goes with PostgreSQL as its log');
});
