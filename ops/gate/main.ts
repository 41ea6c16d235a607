import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { WORKSPACES } from '../workspaces.ts';
import { findBrokenLinks } from './documents.ts';
import { readImports } from './imports.ts';
import { ROOMS } from './rooms.ts';
import {
  findAllHidden,
  findBusinessWords,
  findEmbedded,
  findForeignServices,
  findLongReadme,
  findUpwardImports,
} from './structure.ts';

/*
  The gate checks everything but the tests. It runs all steps, prints what each one found, and fails if one failed.
*/

const ROOT = resolve(import.meta.dir, '../..');
const PROTO = join(ROOT, 'proto');
const buf = join(PROTO, 'node_modules/.bin/buf');
const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);

const steps: readonly [name: string, mend: string, run: () => Promise<string>][] = [
  ['format', 'just fmt', () => run([bin('oxfmt'), '--check'])],
  ['lint', 'see above', () => run([bin('oxlint'), '--type-aware', '--deny-warnings'])],
  ['types', 'see above', () => run([bin('tsc'), '-p', 'tsconfig.json'])],
  ['proto format', 'just fmt', () => run([buf, 'format', '-d', '--exit-code'], PROTO)],
  ['proto lint', 'see above', () => run([buf, 'lint'], PROTO)],
  [
    'proto breaking changes',
    'old clients would break',
    () => run([buf, 'breaking', '--against', 'contract.binpb'], PROTO),
  ],
  ['compose file', 'see above', checkCompose],
  ['generated code', 'just gen', compareGenerated],
  ['structure', 'see docs/architecture.md', checkStructure],
  ['documents', 'mend the link, the path or the README', checkDocuments],
  ['no .only in tests', 'remove .only', findOnly],
];

let failed = 0;
for (const [name, mend, check] of steps) {
  const startedMs = performance.now();
  const found = await check();
  const took = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  if (found === '') console.log(`ok      ${name} (${took})`);
  else {
    failed += 1;
    console.log(`${found}\nFAILED  ${name} (${took}): ${mend}`);
  }
}
process.exit(failed === 0 ? 0 : 1);

/** Runs a command. Returns an empty text when it succeeds, else what it printed. */
async function run(command: string[], cwd = ROOT): Promise<string> {
  const path = `${join(PROTO, 'node_modules/.bin')}:${process.env['PATH']}`;
  const child = Bun.spawn(command, { cwd, stdout: 'pipe', stderr: 'pipe', env: { ...process.env, PATH: path } });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  return code === 0 ? '' : `${out}${err}`.trim() || `${command[0]} ended with ${code}`;
}

/**
 * Checks compose.yaml against the schema of compose files. Rules of style are off, and so is the rule against
 * publishing a port twice, because two profiles may publish the same one. The tests in ops/compose check what the
 * schema cannot.
 */
async function checkCompose(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tally-compose-'));
  try {
    // The anchors are expanded, because the linter accepts no more than a hundred.
    const path = join(dir, 'compose.yaml');
    writeFileSync(path, JSON.stringify(Bun.YAML.parse(readFileSync(join(ROOT, 'compose.yaml'), 'utf8')), null, 2));
    return await run([bin('dclint'), '--max-warnings', '0', '-c', join(ROOT, 'ops/compose/dclint.json'), path]);
  } catch (error) {
    return `compose.yaml cannot be read: ${String(error)}`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Generates all code into an empty folder and compares it with what is committed. */
async function compareGenerated(): Promise<string> {
  const fresh = mkdtempSync(join(tmpdir(), 'tally-gen-'));
  try {
    const made =
      (await run([buf, 'generate', '--output', join(fresh, 'proto')], PROTO)) ||
      (await run([process.execPath, join(ROOT, 'proto/events/write-schema.ts'), fresh])) ||
      (await run([process.execPath, join(ROOT, 'sql/gen.ts'), fresh])) ||
      (await run([process.execPath, join(ROOT, 'ops/docs/variables.ts'), fresh]));
    if (made !== '') return made;
    const differing = [...generatedFiles(ROOT).union(generatedFiles(fresh))].filter(
      (file) => textOf(join(ROOT, file)) !== textOf(join(fresh, file)),
    );
    return differing.map((file) => `differs: ${file}`).join('\n');
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

function generatedFiles(root: string): Set<string> {
  // One pattern each: Bun's Glob finds nothing under `sql/*` when the alternatives stand in one pair of braces.
  const patterns = [
    'proto/gen/**/*.ts',
    'proto/events/*.schema.json',
    '*/src/gen/*.ts',
    'platform/src/events/postgres/gen/*.ts',
    'sql/*/schema.sql',
    'docs/running.md',
  ];
  return new Set(patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root })]));
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function checkStructure(): Promise<string> {
  const graph = readImports(ROOT);
  return [
    ...findForeignServices(graph),
    ...findEmbedded(graph),
    ...findUpwardImports(graph, ROOMS),
    ...findBusinessWords(ROOT),
    ...findAllHidden(ROOT, graph),
  ].join('\n');
}

async function checkDocuments(): Promise<string> {
  const documents = [...new Bun.Glob('{*.md,docs/**/*.md}').scanSync({ cwd: ROOT })];
  return [
    ...findLongReadme(textOf(join(ROOT, 'README.md')) ?? ''),
    ...documents.flatMap((path) => findBrokenLinks(ROOT, path)),
  ].join('\n');
}

async function findOnly(): Promise<string> {
  const found: string[] = [];
  for await (const file of new Bun.Glob(`{${WORKSPACES.join()}}/**/*.test.ts`).scan({ cwd: ROOT })) {
    if (!file.includes('node_modules') && /\b(test|it|describe)\.only\b/.test(textOf(join(ROOT, file)) ?? ''))
      found.push(file);
  }
  return found.join('\n');
}
