import { existsSync, readFileSync } from 'node:fs';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** Their names. */
  readonly skipped: readonly string[];
}

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: [...a.skipped, ...b.skipped] };
}

/** Counts the test cases of a JUnit report as Bun writes it. No report: nothing ran. */
export function readJunit(path: string): Totals {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const [, attributes = '', body = ''] of text.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (body.includes('<skipped')) skipped.push(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? 'a test');
    else if (/<(failure|error)\b/.test(body)) failed += 1;
    else passed += 1;
  }
  return { passed, failed, skipped };
}
