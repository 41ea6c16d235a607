import { expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { toRunFiles } from '../run/run-files.ts';
import { SHAPES, type ShapeName, readShapeName, rememberShape, requireSameShape } from './shape.ts';

function openState() {
  const stateDir = mkdtempSync(join(tmpdir(), 'tally-shape-'));
  const files = toRunFiles(stateDir);
  mkdirSync(files.run);
  return { stateDir, files, [Symbol.dispose]: () => rmSync(stateDir, { recursive: true }) };
}

test('a new state folder takes any shape, and keeps the first one', () => {
  for (const name of Object.keys(SHAPES) as ShapeName[]) {
    using state = openState();
    const { files, stateDir } = state;
    expect(readShapeName(files)).toBeUndefined();
    requireSameShape(files, stateDir, name);
    rememberShape(files, name);
    requireSameShape(files, stateDir, name);
    for (const other of Object.keys(SHAPES) as ShapeName[]) {
      if (other !== name) expect(() => requireSameShape(files, stateDir, other)).toThrow(SHAPES[name].data);
    }
  }
});

test('the refusal of another shape says which one the folder has, and what the user can do', () => {
  using state = openState();
  rememberShape(state.files, 'full');
  expect(() => requireSameShape(state.files, state.stateDir, 'kafka')).toThrow(
    `The data in ${state.stateDir} is held by a PostgreSQL for each service and three Kafka brokers: ` +
      'just up continues with it. For just up kafka, choose another folder with TALLY_STATE_DIR, ' +
      'or remove this data for ever with just down --remove.',
  );
});

test('a state folder with a plan but without a recorded shape has the light one', () => {
  using state = openState();
  writeFileSync(state.files.plan, '{}');
  expect(readShapeName(state.files)).toBe('light');
  expect(() => requireSameShape(state.files, state.stateDir, 'kafka')).toThrow('is held by one PostgreSQL:');
});
