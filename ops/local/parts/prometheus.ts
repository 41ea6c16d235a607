import { join } from 'node:path';

import type { LocalConfig } from '../config.ts';
import { toFingerprint } from '../plan/fingerprint.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';
import type { Steps } from '../run/steps.ts';

/** The name of the process that scrapes the others. */
export const PROMETHEUS = 'prometheus';

const STOP_LIMIT_MS = 10_000;

/** Where it keeps what it has scraped. */
export const prometheusDir = (stateDir: string) => join(stateDir, PROMETHEUS);

/** The one on PATH. Nothing is installed for it: without it the metrics are there all the same. */
export function findPrometheus(env: LocalConfig['env'], steps: Steps): string | undefined {
  const path = Bun.which(PROMETHEUS, { PATH: env['PATH'] ?? '' }) ?? undefined;
  if (path === undefined) steps.say(PROMETHEUS, 'is not on PATH: nobody scrapes /metrics of the admin ports');
  return path;
}

/** Scrapes the services: each answers /metrics on its admin port. */
export function planPrometheus(
  path: string,
  { root, stateDir, ports: { prometheus: port } }: LocalConfig,
  services: readonly PlannedProcess[],
): PlannedProcess {
  const { run, logs } = toRunFiles(stateDir);
  const file = join(run, 'prometheus.yml');
  const files = { [file]: toSettings(services) };
  const address = `127.0.0.1:${port.port}`;
  const command = [
    path,
    `--config.file=${file}`,
    `--storage.tsdb.path=${prometheusDir(stateDir)}`,
    '--storage.tsdb.retention.time=2d',
    '--storage.tsdb.retention.size=256MB',
    `--web.listen-address=${address}`,
    '--log.level=warn',
    '--log.format=json',
  ];
  return {
    name: PROMETHEUS,
    command,
    env: {},
    files,
    ports: [port],
    readyUrl: `http://${address}/-/ready`,
    logPath: join(logs, `${PROMETHEUS}.log`),
    stopLimitMs: STOP_LIMIT_MS,
    fingerprint: toFingerprint([command, files], root, []),
  };
}

/** JSON is YAML too. */
function toSettings(services: readonly PlannedProcess[]): string {
  const targets = services.flatMap(({ name, ports }) =>
    ports
      .filter(({ purpose }) => purpose === 'admin')
      .map(({ port }) => ({ targets: [`127.0.0.1:${port}`], labels: { process: name } })),
  );
  const settings = {
    global: { scrape_interval: '5s' },
    scrape_configs: [{ job_name: 'tally', static_configs: targets }],
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}
