import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { quietPorts } from '@tally/platform/testing';
import { forEachDatabase } from '@tally/sql/databases';

import { type OwnProcess, findOwnProcesses } from '../local/machine/processes.ts';
import type { Plan, PlannedProcess } from '../local/plan/plan.ts';
import { takeDown } from '../local/run/end-processes.ts';
import type { LauncherDeps } from '../local/run/launcher-deps.ts';
import { type DataSteps, bringUp, lockState } from '../local/run/launcher.ts';
import { toRunFiles } from '../local/run/run-files.ts';
import { createSteps } from '../local/run/steps.ts';

const ROOT = resolve(import.meta.dir, '../..');

/** Fake services under the real launcher, in a temporary state folder. Disposing ends and removes everything. */
export interface FakeSystem extends AsyncDisposable {
  readonly deps: LauncherDeps;
  readonly stateDir: string;
  /** Everything that the commands printed. */
  readonly output: () => string;
  readonly plan: (changes?: Readonly<Record<string, Partial<FakeService>>>) => Plan;
  readonly up: (plan?: Plan, data?: DataSteps) => Promise<void>;
  readonly down: () => Promise<boolean>;
  readonly find: (name: string) => OwnProcess | undefined;
  readonly all: () => OwnProcess[];
}

export interface FakeService {
  readonly port: number;
  readonly drainMs: number;
  readonly fault: 'none' | 'configuration' | 'deaf' | 'chatty';
  readonly stopLimitMs: number;
}

const opened = new Set<FakeSystem>();

/** For `afterAll`: ends what a test that ran out of time has left. */
export async function endFakeSystems(): Promise<void> {
  for (const system of opened) await system[Symbol.asyncDispose]();
}

export async function openFakeSystem(names: readonly string[], maxLogBytes = 1 << 20): Promise<FakeSystem> {
  const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'tally local ')));
  const files = toRunFiles(stateDir);
  mkdirSync(files.logs, { recursive: true });
  const ports = quietPorts(names.length);
  let output = '';
  const deps: LauncherDeps = {
    clock: systemClock,
    files,
    stateDir,
    steps: createSteps(systemClock, (text) => {
      output += text;
    }),
  };
  const toService = (name: string, index: number, changes: Partial<FakeService>): PlannedProcess => {
    const { port = ports[index]!, drainMs = 0, fault = 'none', stopLimitMs = 5_000 } = changes;
    return {
      name,
      command: [process.execPath, join(import.meta.dir, 'local-fake-service.ts')],
      env: { FAKE_NAME: name, FAKE_PORT: String(port), FAKE_DRAIN_MS: String(drainMs), FAKE_FAULT: fault },
      ports: [{ port, variable: `${name.toUpperCase()}_PORT`, purpose: 'HTTP' }],
      readyUrl: `http://127.0.0.1:${port}/readyz`,
      logPath: join(files.logs, `${name}.log`),
      stopLimitMs,
      fingerprint: Bun.hash(JSON.stringify([port, drainMs, fault])).toString(16),
    };
  };
  const plan: FakeSystem['plan'] = (changes = {}) => ({
    root: ROOT,
    stateDir,
    maxLogBytes,
    urls: forEachDatabase(() => ''),
    processes: names.map((name, index) => toService(name, index, changes[name] ?? {})),
  });
  const down = async () => {
    using _lock = await lockState(deps, 'just down');
    return await takeDown(deps);
  };
  const system: FakeSystem = {
    deps,
    stateDir,
    output: () => output,
    plan,
    down,
    up: async (wanted = plan(), data) => {
      using _lock = await lockState(deps, 'just up');
      await bringUp(deps, wanted, data);
    },
    find: (name) => findOwnProcesses(stateDir).find((found) => found.name === name),
    all: () => findOwnProcesses(stateDir),
    async [Symbol.asyncDispose]() {
      await down();
      rmSync(stateDir, { recursive: true, force: true });
      opened.delete(system);
    },
  };
  opened.add(system);
  return system;
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const untilMs = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > untilMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await Bun.sleep(20);
  }
}
