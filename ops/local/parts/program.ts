import { join } from 'node:path';

import { type DebianProgram, type Program, fetchProgram, findProgram } from '@tally/platform/embedded';

import type { LocalConfig } from '../config.ts';
import type { Steps } from '../run/steps.ts';

/**
 * Returns the program that was fetched into the checkout earlier, else the one on PATH. If there is neither, fetches it
 * from Debian. Returns undefined if that fails, and prints `missing` as the outcome of the step.
 */
export async function prepareProgram(
  name: string,
  wanted: DebianProgram,
  { root }: LocalConfig,
  steps: Steps,
  missing: string,
): Promise<Program | undefined> {
  const dir = join(root, '.local', name);
  let program = findProgram(wanted, dir);
  if (program !== undefined) return program;
  await steps.run(name, async () => {
    program = await fetchProgram(wanted, dir);
    return program === undefined ? missing : `comes from ${program.origin}`;
  });
  return program;
}
