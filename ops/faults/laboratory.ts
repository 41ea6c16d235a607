import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hasEnded } from '@tally/platform/embedded';
import { type Db, openDb } from '@tally/platform/postgres';
import { quietPorts } from '@tally/platform/testing';

import { type Clients, openClients } from '../demo/clients.ts';
import { PORT_VARIABLES } from '../local/config.ts';
import { type OwnProcess, findOwnProcesses, signal } from '../local/machine/processes.ts';
import type { Plan } from '../local/plan/plan.ts';
import { takeDown } from '../local/run/end-processes.ts';
import { follow } from '../local/run/launcher.ts';
import { raiseSystem } from '../local/run/raise.ts';
import { waitUntilReady } from '../local/run/readiness.ts';
import { readState, toLauncherDeps } from '../local/state.ts';
import { applyStock } from '../stock/apply-stock.ts';

/** A complete system of real processes under the real launcher, in which anything may be killed. */
export interface Laboratory {
  readonly urls: Plan['urls'];
  readonly db: Readonly<Record<'loms' | 'notifier', Db>>;
  readonly clients: Clients;
  readonly logsDir: string;
  /** Finds a running process by its name in the plan. */
  readonly find: (name: string) => OwnProcess | undefined;
  readonly killBrokers: (ids: readonly number[]) => Promise<void>;
  /** Starts every broker that is not running, and waits until all of them serve. */
  readonly startBrokers: () => Promise<void>;
}

/** The sku that shoppers buy. Its stock does not run out. */
export const SKU = 1148162;
const STOCK = 1_000_000n;
const PLAN_READ_MS = 1_000;
const KILL_LIMIT_MS = 20_000;

/**
 * Starts a laboratory in a temporary folder, on free ports. Disposing the stack takes it down, also after a failed
 * start.
 */
export async function openLaboratory(stack: AsyncDisposableStack, write: (text: string) => void): Promise<Laboratory> {
  const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'tally-faults-')));
  chmodSync(stateDir, 0o755);
  stack.defer(() => rmSync(stateDir, { recursive: true, force: true }));
  const ports = quietPorts(PORT_VARIABLES.length);
  const variables = PORT_VARIABLES.map((name, i) => [name, String(ports[i])]);
  const env = { TALLY_STATE_DIR: stateDir, ...Object.fromEntries(variables) };
  const deps = toLauncherDeps(readState(env), write);
  stack.defer(async () => {
    await takeDown(deps);
    // The data lies elsewhere if the user `nobody` cannot enter the temporary folder.
    for (const dir of readState(env).dataDirs()) rmSync(dir, { recursive: true, force: true });
  });
  const plan = await raiseSystem(readState(env), 'faults', write);
  const { urls } = plan;
  await applyStock({ databaseUrl: urls.loms, entries: [{ sku: SKU, total: STOCK, held: 0n }] });
  const open = (url: string) => stack.use(openDb({ url, applicationName: 'faults', maxConnections: 2 }));
  const db = { loms: open(urls.loms), notifier: open(urls.notifier) };
  const clients = stack.use(openClients(plan));
  const silent = toLauncherDeps(readState(env), () => {});
  const find = (name: string) => findOwnProcesses(stateDir).find((found) => found.name === name);
  return {
    urls,
    db,
    clients,
    logsDir: deps.files.logs,
    find,
    async killBrokers(ids) {
      const held = ids.map((id) => `kafka-${id}`);
      follow(silent, { ...plan, held });
      // The supervisor must have read the plan, or it would start the brokers again.
      await Bun.sleep(PLAN_READ_MS);
      const killed = held.flatMap((name) => find(name) ?? []);
      for (const broker of killed) signal(broker, 'SIGKILL');
      await Promise.all(killed.map((broker) => hasEnded(broker, KILL_LIMIT_MS)));
    },
    async startBrokers() {
      follow(silent, plan);
      const brokers = plan.processes.filter(({ readyUrl }) => readyUrl.startsWith('kafka:'));
      await waitUntilReady(silent, brokers);
    },
  };
}
