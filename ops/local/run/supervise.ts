import { closeSync, openSync, writeFileSync } from 'node:fs';

import { startEvery, systemClock } from '@tally/platform/concurrency';
import { createLog } from '@tally/platform/telemetry';

import { rotateLog } from '../machine/log-file.ts';
import { clearPidFile } from '../machine/postmaster-pid.ts';
import { MARK, toMark } from '../machine/processes.ts';
import type { Plan, PlannedProcess } from '../plan/plan.ts';
import { type RunFiles, parsePlan, readPlanText, toRunFiles, writeKeepings } from './run-files.ts';
import { type Child, createSupervisor } from './supervisor.ts';

const INTERVAL_MS = 200;

/** The supervisor's program: follows the plan file, bounds the logs, and on SIGTERM ends everything that it started. */
async function supervise(stateDir: string): Promise<void> {
  const stopped = untilSignal();
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
      // The plan is polled, because a signal that arrives before its handler is set would end the supervisor.
      const text = readPlanText(files);
      if (text === undefined) return;
      const plan = parsePlan(text);
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

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.on('SIGTERM', () => resolve());
    process.on('SIGINT', () => resolve());
  });
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
  // The log can be cut while the process writes to it only because it is opened for appending.
  const log = openSync(planned.logPath, 'a');
  try {
    const child = Bun.spawn([...planned.command], {
      cwd: plan.root,
      env: { ...planned.env, [MARK]: toMark(planned.name, planned.fingerprint, plan.stateDir) },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    });
    return {
      pid: child.pid,
      exited: child.exited.then((code) => child.signalCode?.toString() ?? `exit code ${code}`),
      kill: (signal) => child.kill(signal),
    };
  } finally {
    closeSync(log);
  }
}

await supervise(process.argv[2]!);
process.exit(0);
