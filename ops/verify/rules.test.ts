import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { RULES } from './rules.ts';

const text = readFileSync(join(import.meta.dir, '../../docs/operations.md'), 'utf8');

for (const [broken, heading] of [
  ['late', '### Late'],
  ['violated', '### Violated'],
] as const) {
  test(`docs/operations.md has a row for each rule whose severity is '${broken}', in their order`, () => {
    const [section = ''] = text.split(`${heading}\n`)[1]?.split(/^#/m) ?? [];
    const [head, ...rows] = [...section.matchAll(/^\| (.+?)(?: \(`--full`\))? \|/gm)].map(([, name]) => name);
    expect(head).toBe('rule');
    expect(rows).toEqual(RULES.filter((rule) => rule.broken === broken).map(({ name }) => name));
  });
}
