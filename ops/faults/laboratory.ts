import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '@tally/platform/concurrency';
import { type Db, openDb } from '@tally/platform/postgres';
import { quietPorts } from '@tally/platform/testing';

import { type Clients, openClients } from '../demo/clients.ts';
import { CHECKOUT, PORT_VARIABLES, readLocalConfig } from '../local/config.ts';
import { lockState } from '../local/run/launcher.ts';
import { type OwnProcess, findOwnProcesses } from '../local/machine/processes.ts';
import { raiseShape } from '../local/run/raise-shape.ts';
import { toRunFiles } from '../local/run/run-files.ts';
import { createServers, dataUrls } from '../local/parts/servers.ts';
import { SHAPES } from '../local/plan/shape.ts';
import { createSteps } from '../local/run/steps.ts';
import { takeDown } from '../local/run/take-down.ts';
import { applyStock } from '../stock/apply-stock.ts';

/** A complete system of real processes under the real launcher, in which anything may be killed. */
export interface Laboratory {
  readonly urls: ReturnType<typeof dataUrls>;
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

/** Starts a laboratory in a temporary folder, on free ports. Disposing the stack takes it down, also after a failed start. */
export async function openLaboratory(stack: AsyncDisposableStack, write: (text: string) => void): Promise<Laboratory> {
  const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'tally-faults-')));
  chmodSync(stateDir, 0o755);
  stack.defer(() => rmSync(stateDir, { recursive: true, force: true }));
  const ports = quietPorts(PORT_VARIABLES.length);
  const variables = PORT_VARIABLES.map((name, i) => [name, String(ports[i])]);
  const config = readLocalConfig({ TALLY_STATE_DIR: stateDir, ...Object.fromEntries(variables) }, CHECKOUT);
  const servers = createServers(config, SHAPES.faults);
  const deps = { clock: systemClock, files: toRunFiles(stateDir), steps: createSteps(systemClock, write) };
  stack.defer(async () => {
    await takeDown(deps, stateDir, servers.all);
    // Data that could not lie in the temporary folder, because the user `nobody` cannot enter it, lies elsewhere.
    for (const { dir } of servers.postgres.servers) rmSync(dir, { recursive: true, force: true });
  });
  using _lock = await lockState(deps, 'just faults');
  const plan = await raiseShape(deps, config, 'faults');
  const urls = dataUrls(servers);
  await applyStock({ databaseUrl: urls.loms, entries: [{ sku: SKU, total: STOCK, held: 0n }] });
  const open = (url: string) => stack.use(openDb({ url, applicationName: 'faults', maxConnections: 2 }));
  const db = { loms: open(urls.loms), notifier: open(urls.notifier) };
  const clients = stack.use(openClients(plan));
  return {
    urls,
    db,
    clients,
    logsDir: deps.files.logs,
    find: (name) => findOwnProcesses(stateDir).find((found) => found.name === name),
    async killBrokers(ids) {
      const wanted = servers.kafka.brokers.filter(({ node }) => ids.includes(node.id));
      await Promise.all(wanted.map(({ find }) => find()?.kill()));
    },
    startBrokers: () => servers.kafka.raise(createSteps(systemClock, () => {})),
  };
}
