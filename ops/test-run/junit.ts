import { existsSync, readFileSync } from 'node:fs';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** Names of the skipped tests, each after the name of its group. */
  readonly skipped: readonly string[];
}

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] };
}

/** Returns whether no test was counted. */
export function isEmpty({ passed, failed, skipped }: Totals): boolean {
  return passed + failed + skipped.length === 0;
}

/** Counts the test cases of a JUnit report as Bun writes it. A missing report counts as no test. */
export function readJunit(path: string): Totals {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const [, attributes = '', body = ''] of text.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (body.includes('<skipped')) skipped.push(toName(attributes));
    else if (/<(failure|error)\b/.test(body)) failed += 1;
    else passed += 1;
  }
  return { passed, failed, skipped };
}

/** Returns `group > test`. Bun gives nested groups from the inside out. */
function toName(attributes: string): string {
  const read = (name: string) => unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
  const groups = read('classname').split(' > ').toReversed();
  return [...groups, read('name')].filter((part) => part !== '').join(' > ');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(/&(\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
}
