import { writeFileSync } from 'node:fs';

import { startEvery, systemClock } from '@tally/platform/concurrency';
import { createLog } from '@tally/platform/telemetry';

import { rotateLog } from '../machine/log-file.ts';
import { clearPidFile } from '../machine/postmaster-pid.ts';
import { spawnMarked } from '../machine/processes.ts';
import type { Plan, PlannedProcess } from '../plan/plan.ts';
import { type RunFiles, readPlan, toRunFiles, writeKeepings } from './run-files.ts';
import { type Child, createSupervisor } from './supervisor.ts';

const INTERVAL_MS = 200;

/** Follows the plan in the state folder, and cuts logs that are too large. On SIGTERM, ends all that it started. */
async function supervise(stateDir: string): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => resolve());
  });
  const files = toRunFiles(stateDir);
  const log = createLog('supervisor', 'info');
  const supervisor = createSupervisor({
    clock: systemClock,
    log,
    spawn: spawnChild,
    onChange: (keepings) => writeKeepings(files, keepings),
  });
  log.info({}, 'the supervisor is up');

  let followed: string | undefined;
  const loop = startEvery(
    { clock: systemClock, random: Math.random, onError: (error) => log.error({ error }, 'following the plan failed') },
    { intervalMs: INTERVAL_MS },
    async () => {
      // The launcher does not announce a new plan by a signal, because a signal that arrives before the supervisor has
      // set its handler would end the supervisor.
      const plan = readPlan(files);
      if (plan === undefined) return;
      const text = JSON.stringify(plan);
      if (text !== followed) await supervisor.follow(plan);
      followed = text;
      boundLogs(files, plan);
    },
  );
  await stopped;
  await loop[Symbol.asyncDispose]();
  await supervisor.stop();
  log.info({}, 'the supervisor ends');
}

function boundLogs(files: RunFiles, plan: Plan): void {
  for (const path of [files.supervisorLog, ...plan.processes.map(({ logPath }) => logPath)]) {
    rotateLog(path, plan.maxLogBytes);
  }
}

function spawnChild(plan: Plan, planned: PlannedProcess): Child {
  if (planned.postgresData !== undefined) clearPidFile(planned.postgresData);
  // Only the owner may read the files, because they may hold passwords.
  for (const [path, text] of Object.entries(planned.files ?? {})) writeFileSync(path, text, { mode: 0o600 });
  const child = spawnMarked(plan, planned);
  return {
    pid: child.pid,
    exited: child.exited.then((code) => child.signalCode?.toString() ?? `exit code ${code}`),
    kill: (signal) => child.kill(signal),
  };
}

await supervise(process.argv[2]!);
process.exit(0);
