import { join } from 'node:path';

import type { LocalConfig } from '../config.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';

/** A planned process without the path of its log and its fingerprint, which `planPart` adds. */
interface Part extends Omit<PlannedProcess, 'logPath' | 'fingerprint'> {
  /** Files and folders of the checkout that hold its code. Their contents are a part of its fingerprint. */
  readonly code?: readonly string[];
}

/** Completes the description of a part with the path of its log and with its fingerprint. */
export function planPart({ root, stateDir }: LocalConfig, { code = [], ...part }: Part): PlannedProcess {
  const { name, command, env, files } = part;
  return {
    ...part,
    logPath: toLogPath(stateDir, name),
    fingerprint: toFingerprint([command, env, files], root, code),
  };
}

/** Returns the path of the log of a process. */
export function toLogPath(stateDir: string, name: string): string {
  return join(toRunFiles(stateDir).logs, `${name}.log`);
}
