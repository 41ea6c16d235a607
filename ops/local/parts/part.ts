import { join } from 'node:path';

import type { LocalConfig } from '../config.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';

/** What tells a part from the others. */
interface Part extends Omit<PlannedProcess, 'logPath' | 'fingerprint'> {
  /** Files and folders of the checkout that it runs. It is replaced when one of them changes. */
  readonly code?: readonly string[];
}

/** Describes a part completely: its log lies in the folder of logs, and its fingerprint covers all that it starts from. */
export function planPart({ root, stateDir }: LocalConfig, { code = [], ...part }: Part): PlannedProcess {
  const { name, command, env, files } = part;
  return {
    ...part,
    logPath: toLogPath(stateDir, name),
    fingerprint: toFingerprint([command, env, files], root, code),
  };
}

export function toLogPath(stateDir: string, name: string): string {
  return join(toRunFiles(stateDir).logs, `${name}.log`);
}
