import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { isEmpty, readJunit } from './junit.ts';

const dir = mkdtempSync(join(tmpdir(), 'tally-junit-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('counts passed, failed and skipped tests, also where a case without a body precedes one with a body', () => {
  const path = join(dir, 'junit.xml');
  writeFileSync(
    path,
    `<testsuites><testsuite name="a.test.ts">
       <testcase name="one" time="0.1" />
       <testcase name="two &gt; deep" />
       <testcase name="three"><failure type="AssertionError" /></testcase>
       <testcase name="four" />
       <testcase name="five &lt; six: no &quot;java&quot;" classname="inner &gt; outer"><skipped /></testcase>
       <testcase name="six"><error /></testcase>
     </testsuite></testsuites>`,
  );
  expect(readJunit(path)).toEqual({ passed: 3, failed: 2, skipped: ['outer > inner > five < six: no "java"'] });
});

test('a missing report counts as no test, so a process that ended in the middle is noticed', () => {
  const missing = readJunit(join(dir, 'none.xml'));
  expect(missing).toEqual({ passed: 0, failed: 0, skipped: [] });
  expect(isEmpty(missing)).toBe(true);
  expect(isEmpty({ ...missing, skipped: ['one'] })).toBe(false);
});
