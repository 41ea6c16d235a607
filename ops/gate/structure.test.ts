import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findBrokenLinks, toAnchor } from './documents.ts';
import { type ImportGraph, findPath, findSpecifiers } from './imports.ts';
import {
  findBusinessWord,
  findEmbedded,
  findForeignServices,
  findHidden,
  findLongReadme,
  findUpwardImports,
} from './structure.ts';

const graphOf = (imports: Record<string, string[]>): ImportGraph => new Map(Object.entries(imports));

describe('the imports of a file', () => {
  test('named, type-only, bare, re-exported and dynamic imports are found', () => {
    const source = `import 'a';
import { b } from 'b';
import type { C } from 'c';
import {
  d,
} from './d.ts';
export * from './e.ts';
const f = await import('./f.ts');`;
    expect(findSpecifiers(source).toSorted()).toEqual(['./d.ts', './e.ts', './f.ts', 'a', 'b', 'c']);
  });

  test('the shortest chain to a file is found, and a circle does not trap the search', () => {
    const graph = graphOf({ a: ['b', 'c'], b: ['a', 'd'], c: [], d: ['e'], e: [] });
    expect(findPath(graph, 'a', (file) => file === 'e')).toEqual(['a', 'b', 'd', 'e']);
    expect(findPath(graph, 'c', (file) => file === 'e')).toBeUndefined();
  });
});

describe('services', () => {
  test('a service that imports another one or ops is reported', () => {
    const graph = graphOf({
      'cart/src/app.ts': ['proto/gen/loms/loms_pb.ts', 'loms/src/app.ts'],
      'loms/src/app.ts': ['ops/services.ts'],
      'ops/test/system.ts': ['cart/src/app.ts'],
    });
    expect(findForeignServices(graph)).toHaveLength(2);
  });

  test('a service that reaches an embedded server through an index is reported with the way there', () => {
    const graph = graphOf({
      'cart/src/app.ts': ['platform/src/postgres/index.ts'],
      'platform/src/postgres/index.ts': ['platform/src/embedded/postgres.ts'],
      'cart/src/app.test.ts': ['platform/src/embedded/postgres.ts'],
    });
    expect(findEmbedded(graph)).toEqual([
      'a service reaches the embedded servers: cart/src/app.ts -> platform/src/postgres/index.ts -> platform/src/embedded/postgres.ts',
    ]);
  });

  test('an import against the order of the rooms and a room that is not listed are reported', () => {
    const rooms = { loms: [[''], ['batch', 'reads'], ['orders']] };
    const good = {
      'loms/src/app.ts': ['loms/src/batch/batcher.ts'],
      'loms/src/batch/batcher.ts': ['loms/src/orders/order.ts'],
    };
    expect(findUpwardImports(graphOf(good), rooms)).toEqual([]);
    expect(
      findUpwardImports(graphOf({ 'loms/src/orders/order.ts': ['loms/src/batch/batcher.ts'] }), rooms),
    ).toHaveLength(1);
    expect(findUpwardImports(graphOf({ 'loms/src/reads/info.ts': ['loms/src/batch/batcher.ts'] }), rooms)).toHaveLength(
      1,
    );
    expect(findUpwardImports(graphOf({ 'loms/src/attic/x.ts': [] }), rooms)).toHaveLength(1);
  });
});

describe('what hides from the rules', () => {
  const hidden = [
    "import { env } from 'node:process';",
    'const { env } = process;',
    'const { argv, env: variables } = process;',
    'const { LOG_LEVEL } = Bun.env;',
    "import.meta.env['LOG_LEVEL']",
    "globalThis.process.env['LOG_LEVEL']",
    'import(`../../../loms/src/app.ts`)',
    "import(/* loms */ '../../../loms/src/app.ts')",
    'import(path)',
    "require('../../../loms/src/app.ts')",
  ];
  for (const source of hidden) {
    test(`${source} is reported`, () => {
      expect(findHidden('cart/src/app.ts', source)).toHaveLength(1);
    });
  }

  test('process.env and an import by a literal are left to the other rules', () => {
    expect(findHidden('a.ts', "process.env['CI'];\nawait import('./b.ts');\nconst { env } = config;")).toEqual([]);
  });

  test('a word of the business is found in a compound name too', () => {
    const names = [
      'cartId',
      'loadStock',
      'shopper_id',
      'MAX_SKUS',
      'order_events',
      'OrderCreate',
      'the cart of a user',
    ];
    expect(names.map(findBusinessWord)).not.toContain(undefined);
    expect(['cartridge', 'stockpile', 'order', 'toWords'].map(findBusinessWord)).toEqual(Array(4).fill(undefined));
  });
});

describe('documents', () => {
  test('a README with a long line or too many lines is reported', () => {
    expect(findLongReadme('short\n')).toEqual([]);
    expect(findLongReadme('x'.repeat(121))).toEqual(['README.md:1 has 121 columns of 120']);
    expect(findLongReadme('line\n'.repeat(151))).toEqual(['README.md has 151 lines of 150']);
  });

  const links = {
    'a link': ['[a](b.md)', '[a](missing.md)'],
    'a link with a title': ['[a](b.md "B")', '[a](missing.md "B")'],
    'a link to a heading': ['[a](b.md#part)', '[a](b.md#missing)'],
    'the definition of a reference': ['[a]: b.md', '[a]: missing.md'],
    'an image of HTML': ['<img src="b.md">', '<img src="missing.md">'],
    'a link to another site': ['[a](https://example.com/missing.md)', '[a](b.md) and [b](missing.md)'],
  };
  for (const [name, [good = '', bad = '']] of Object.entries(links)) {
    test(`${name} must resolve`, () => {
      const dir = mkdtempSync(join(tmpdir(), 'tally-links-'));
      writeFileSync(join(dir, 'b.md'), '# Part\n');
      writeFileSync(join(dir, 'good.md'), `# Good\n\n${good}\n`);
      writeFileSync(join(dir, 'bad.md'), `# Bad\n\n${bad}\n`);
      expect(findBrokenLinks(dir, 'good.md')).toEqual([]);
      expect(findBrokenLinks(dir, 'bad.md')).toHaveLength(1);
      rmSync(dir, { recursive: true });
    });
  }

  test('a heading becomes the anchor that GitHub gives it', () => {
    expect(toAnchor('A new rpc: what it `costs`')).toBe('a-new-rpc-what-it-costs');
  });
});
