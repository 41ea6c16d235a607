import { join } from 'node:path';

import { type DebianProgram, type Program, fetchProgram, findProgram } from '@tally/platform/embedded';

import type { LocalConfig } from '../config.ts';
import type { Steps } from '../run/steps.ts';

/**
 * Returns a program of Debian, which is fetched once for a checkout, or undefined where none is available. Then the
 * line of its step says `missing`.
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
