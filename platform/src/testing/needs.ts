import { describe, test } from 'bun:test';

/*
  Tests that need something which a machine may lack. Where it is missing, the test or the whole group becomes one
  skipped test, whose name ends with the reason. The hooks of a skipped group do not run.
*/

/** Declares a test, or a skipped one if something is missing. */
export function testWith(
  missing: string | undefined,
  name: string,
  work: () => void | Promise<void>,
  timeoutMs?: number,
): void {
  if (missing === undefined) test(name, work, timeoutMs);
  else test.skip(`${name}: ${missing}`, () => {});
}

/** Declares a group of tests, or one skipped test if something is missing. */
export function describeWith(missing: string | undefined, name: string, body: () => void): void {
  if (missing === undefined) describe(name, body);
  else test.skip(`${name}: ${missing}`, () => {});
}
