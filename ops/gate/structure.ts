import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { SERVICE_PACKAGES } from '../workspaces.ts';
import { type ImportGraph, findPath } from './imports.ts';

/*
  Rules of the tree that the linter cannot check. Each `find` function returns the faults that it finds, one line each.
*/

/**
 * The rooms of each service in levels, from top to bottom. A file imports from its own room and from lower levels;
 * rooms of one level do not import each other. The room '' is the frame, which lies directly in src. Generated code may
 * be imported from anywhere.
 */
export type Rooms = Readonly<Record<string, readonly (readonly string[])[]>>;

/** Returns whether a file runs in production: it is neither a test nor a fixture of one. */
const isShipped = (file: string) => !/(\.test\.ts|fixtures\.ts)$|\/(test|testing)\//.test(file);

const serviceOf = (file: string) => SERVICE_PACKAGES.find((service) => file.startsWith(`${service}/`));

const isServiceSource = (file: string) => SERVICE_PACKAGES.some((service) => file.startsWith(`${service}/src/`));

/** Finds files of a service that import another service or ops. Services know each other only through proto. */
export function findForeignServices(graph: ImportGraph): string[] {
  return [...graph].flatMap(([file, imports]) => {
    const own = serviceOf(file);
    if (own === undefined) return [];
    return imports
      .filter((target) => target.startsWith('ops/') || (serviceOf(target) ?? own) !== own)
      .map((target) => `${file} imports ${target}: services meet only through proto`);
  });
}

/** Finds files of a service that load the embedded servers, directly or not. They serve development and tests only. */
export function findEmbedded(graph: ImportGraph): string[] {
  const files = [...graph.keys()].filter((file) => isServiceSource(file) && isShipped(file));
  return files.flatMap((file) => {
    const path = findPath(graph, file, (target) => target.startsWith('platform/src/embedded/'));
    return path === undefined ? [] : [`a service reaches the embedded servers: ${path.join(' -> ')}`];
  });
}

/**
 * Finds imports between the rooms of a service that do not lead to a lower level, and files in rooms that are not
 * listed.
 */
export function findUpwardImports(graph: ImportGraph, rooms: Rooms): string[] {
  return Object.entries(rooms).flatMap(([service, levels]) => {
    const isOwn = (file: string) => file.startsWith(`${service}/src/`) && roomOf(file) !== 'gen';
    const levelOf = (file: string) => levels.findIndex((level) => level.includes(roomOf(file)));
    return [...graph]
      .filter(([file]) => isOwn(file) && isShipped(file))
      .flatMap(([file, imports]) => {
        if (levelOf(file) < 0) return [`${file} lies in a room that ops/gate/rooms.ts does not list`];
        return imports
          .filter((target) => isOwn(target) && roomOf(target) !== roomOf(file) && levelOf(target) <= levelOf(file))
          .map((target) => `${file} imports ${target}, against the order of ops/gate/rooms.ts`);
      });
  });
}

/** Returns the folder of a file within the src of its service; '' if the file lies directly in src. */
const roomOf = (file: string) => /^[^/]+\/src\/([^/]+)\//.exec(file)?.[1] ?? '';

// Words of the business. "Order" is not among them, because the library speaks of the order of things.
const BUSINESS = /\b(carts?|checkouts?|skus?|shoppers?|stocks?|loms|notifier|payed|order create|order events)\b/i;

/** Splits compound names into words and keeps their case: `cartId` becomes `cart Id`, `CART_ID` becomes `CART ID`. */
const toWords = (text: string) => text.replaceAll(/([a-z\d])([A-Z])/g, '$1 $2').replaceAll('_', ' ');

/** Returns the first word of the business in a text. */
export function findBusinessWord(text: string): string | undefined {
  return BUSINESS.exec(toWords(text))?.[0];
}

/** Finds words of the business in platform, which must know nothing of shops. */
export function findBusinessWords(root: string): string[] {
  const files = [...new Bun.Glob('platform/src/**/*.ts').scanSync({ cwd: root })];
  return files
    .filter((file) => isShipped(file) && !file.includes('/gen/'))
    .flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, i) => {
          const word = findBusinessWord(line);
          return word === undefined ? [] : [`${file}:${i + 1} says '${word}': platform has no business word`];
        }),
    );
}

// The linter finds `process.env` itself. These are the other ways to the environment.
const ENVIRONMENT =
  /\b(Bun|import\.meta)\.env\b|\bglobalThis\.process\b|\benv\b[^{}]*\} = process\b|\bfrom '(node:)?process'/;
// A dynamic import must name a file by a plain literal, because the import graph is read from the text.
const OPAQUE_IMPORT = /\bimport\((?!'[^']+'\))|\brequire\(/;

/** Finds reads of the environment that the linter overlooks, and imports that the import graph overlooks. */
export function findHidden(file: string, source: string): string[] {
  return source
    .split('\n')
    .flatMap((line, i) => [
      ...(ENVIRONMENT.test(line) ? [`${file}:${i + 1} must read the environment as process.env`] : []),
      ...(OPAQUE_IMPORT.test(line) ? [`${file}:${i + 1} must import a file by a literal: import('./file.ts')`] : []),
    ]);
}

/** Finds what hides from the other rules in the files that run in production. */
export function findAllHidden(root: string, graph: ImportGraph): string[] {
  return [...graph.keys()]
    .filter((file) => isShipped(file) && !file.includes('/gen/'))
    .flatMap((file) => findHidden(file, readFileSync(join(root, file), 'utf8')));
}

const README_LINES = 150;
const README_COLUMNS = 120;

/** Finds lines of the README that are too long, and a README of too many lines: it must be readable in one sitting. */
export function findLongReadme(readme: string): string[] {
  const lines = readme.trimEnd().split('\n');
  const faults = lines.flatMap((line, i) =>
    line.length > README_COLUMNS ? [`README.md:${i + 1} has ${line.length} columns of ${README_COLUMNS}`] : [],
  );
  if (lines.length > README_LINES) faults.push(`README.md has ${lines.length} lines of ${README_LINES}`);
  return faults;
}
