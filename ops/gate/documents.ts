import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/*
  Checks the documents: every relative link must resolve, and every path that they name must exist.
*/

// Matches the target of a link or image (with or without a title), of a link definition, and of an HTML href or src.
const LINK = /(?:\]\(|^\[[^\]]+\]: +|\b(?:href|src)=")(?!https?:|mailto:)([^)#\s"]*)(?:#([^)\s"]+))?(?=[)\s"]|$)/gm;
// Matches a code span that names a file or folder of the repository, but not one with a placeholder such as <service>.
const NAMED_PATH = /`((?:proto|sql|platform|cart|loms|notifier|ops|docs)\/[\w./-]+)`/g;
const FENCE = /^```[\s\S]*?^```/gm;

/** Returns the faults of one document; `path` is relative to the root. */
export function findBrokenLinks(root: string, path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8').replaceAll(FENCE, '');
  const links = [...text.matchAll(LINK)].flatMap(([, target = '', anchor]) => {
    const file = target === '' ? path : normalize(join(dirname(path), target));
    if (!existsSync(join(root, file))) return [`${path} links to ${target}, which does not exist`];
    if (anchor === undefined || !file.endsWith('.md') || anchorsOf(join(root, file)).has(anchor)) return [];
    return [`${path} links to ${target}#${anchor}, but ${file} has no such heading`];
  });
  const named = [...text.matchAll(NAMED_PATH)]
    .filter(([, name = '']) => !existsSync(join(root, name)))
    .map(([, name]) => `${path} names ${name}, which does not exist`);
  return [...links, ...named];
}

/** Returns the anchors that GitHub gives to the headings of a document. */
function anchorsOf(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8')
    .replaceAll(FENCE, '')
    .matchAll(/^#{1,6} (.+)$/gm);
  return new Set([...headings].map(([, heading = '']) => toAnchor(heading)));
}

/** Returns the anchor of a heading: lower case, without punctuation, with hyphens for spaces. */
export function toAnchor(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
