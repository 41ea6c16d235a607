import { describe, expect, test } from 'bun:test';

import { describeLoad } from './describe-load.ts';
import { parseStockFile } from './stock-file.ts';

function faultsOf(text: string): string {
  try {
    parseStockFile(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

test('entries are read with their fields in any order, and unknown fields are ignored', () => {
  const text = `[
    {"sku": 1148162, "total_count": 300, "reserved": 0},
    {"reserved": 7, "sku": 4294967295, "total_count": 0, "note": "a } and a \\" in a text"}
  ]`;
  expect(parseStockFile(text)).toEqual([
    { sku: 1148162, total: 300n, held: 0n },
    { sku: 4294967295, total: 0n, held: 7n },
  ]);
  expect(parseStockFile(' [ ] ')).toEqual([]);
});

describe('an invalid file yields an error that names the line and the value', () => {
  const cases: readonly (readonly [text: string, fault: string])[] = [
    ['', 'line 1: the file begins with nothing'],
    ['{"sku": 1}', 'line 1: the file begins with {"sku": 1}'],
    [
      '[{"sku": 0, "total_count": 1, "reserved": 0}]',
      'line 1 (sku 0): sku is 0; expected a whole number from 1 to 4294967295',
    ],
    ['[\n{"sku": 1, "total_count": -1, "reserved": 0}]', 'line 2 (sku 1): total_count is -1'],
    ['[{"sku": 1, "total_count": 1.5, "reserved": 0}]', 'total_count is 1.5'],
    ['[{"sku": 1, "total_count": 9007199254740993, "reserved": 0}]', 'total_count is 9007199254740992'],
    ['[{"sku": 1, "total_count": 1}]', 'reserved is missing'],
    ['[{"sku": "1", "total_count": 1, "reserved": 0}]', 'sku is "1"'],
    [
      '[{"sku": 1, "total_count": 1, "reserved": 0},\n{"sku": 1, "total_count": 2, "reserved": 0}]',
      'line 2: sku 1 is already on line 1',
    ],
    ['[{"sku": 1, "total_count": 1, "reserved": 0} {"sku": 2}]', 'is not an entry'],
    ['[{"sku": 1, "total_count": 1, "reserved": 0}] and more', 'line 1: and more comes after the end'],
    ['[{"sku": 1 "total_count": 1, "reserved": 0}]', 'is not JSON'],
  ];
  for (const [text, fault] of cases) test(fault, () => expect(faultsOf(text)).toContain(fault));

  test('one message lists up to 20 faults and says how many more there are', () => {
    const text = `[${Array.from({ length: 30 }, () => '{"sku": 0, "total_count": 1, "reserved": 0}').join(',\n')}]`;
    expect(faultsOf(text).split('\n')).toHaveLength(1 + 20 + 1);
    expect(faultsOf(text)).toContain('and 10 more');
  });
});

test('a load is described by counts and by the refused skus', () => {
  const before = { total: 10n, held: 0n, reserved: 6n, isNew: false };
  const refused = (sku: number) => ({
    outcome: 'refused' as const,
    entry: { sku, total: 5n, held: 0n },
    before,
    movement: undefined,
  });
  const loaded = [
    ...Array.from({ length: 21 }, (_, n) => refused(n + 1)),
    { ...refused(99), outcome: 'received' as const },
  ];
  const lines = describeLoad(loaded, 22).split('\n');
  expect(lines[0]).toBe('22 skus: 1 new, 0 adjusted, 0 unchanged, 21 refused');
  expect(lines[1]).toBe('  sku 1: refused, total 5 is below the 6 that orders have reserved');
  expect(lines.at(-1)).toBe('  and 1 more');
  expect(describeLoad([], 0)).toContain('names no sku');
  expect(describeLoad([], 3)).toContain('has stock already');
});
