import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { WORKSPACES } from '../workspaces.ts';

/** The files that each source file of the repository imports, both as paths relative to its root. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

// A package is named after its folder.
const PACKAGE = /^@tally\/([^/]+)(\/.+)?$/;
// Imports of types match too, because whoever reads a file has to follow them as well.
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)import\s*'([^']+)'/g;

/** Reads the imports of every TypeScript file in the workspaces, types and dynamic imports included. */
export function readImports(root: string): ImportGraph {
  const exports = new Map(WORKSPACES.map((name) => [name, readExports(root, name)]));
  const graph = new Map<string, string[]>();
  for (const workspace of WORKSPACES) {
    for (const file of new Bun.Glob('**/*.ts').scanSync({ cwd: join(root, workspace) })) {
      if (file.includes('node_modules/')) continue;
      const path = `${workspace}/${file}`;
      const specifiers = findSpecifiers(readFileSync(join(root, path), 'utf8'));
      graph.set(
        path,
        specifiers.flatMap((specifier) => resolve(path, specifier, exports) ?? []),
      );
    }
  }
  return graph;
}

/** Returns what a source text imports, as written there. */
export function findSpecifiers(source: string): string[] {
  return [...source.matchAll(IMPORT)].map(([, named, dynamic, bare]) => named ?? dynamic ?? bare ?? '');
}

type Exports = ReadonlyMap<string, string>;

function readExports(root: string, workspace: string): Exports {
  const { exports = {} } = JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8'));
  return new Map(Object.entries(exports as Record<string, string>));
}

/** Returns the file that a specifier means, relative to the root; undefined for a package from elsewhere. */
function resolve(from: string, specifier: string, exports: ReadonlyMap<string, Exports>): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier));
  const [, workspace, subpath = ''] = PACKAGE.exec(specifier) ?? [];
  if (workspace === undefined) return undefined;
  const own = exports.get(workspace) ?? new Map<string, string>();
  const target = own.get(`.${subpath}`) ?? matchPattern(own, `.${subpath}`);
  return target === undefined ? undefined : normalize(join(workspace, target));
}

function matchPattern(exports: Exports, subpath: string): string | undefined {
  for (const [pattern, target] of exports) {
    const [head = '', tail] = pattern.split('*');
    if (tail === undefined || !subpath.startsWith(head) || !subpath.endsWith(tail)) continue;
    return target.replace('*', subpath.slice(head.length, subpath.length - tail.length));
  }
  return undefined;
}

/** Returns the shortest chain of imports from a file to one that `isTarget` accepts; undefined if there is none. */
export function findPath(graph: ImportGraph, from: string, isTarget: (file: string) => boolean): string[] | undefined {
  const queue = [[from]];
  const seen = new Set([from]);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const last = path.at(-1) ?? from;
    if (isTarget(last)) return path;
    for (const next of graph.get(last) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...path, next]);
    }
  }
  return undefined;
}
