import { join } from 'node:path';

import type { LocalConfig } from '../config.ts';
import type { PlannedProcess } from '../plan/plan.ts';
import { toRunFiles } from '../run/run-files.ts';
import type { Steps } from '../run/steps.ts';
import { planPart } from './part.ts';

export const PROMETHEUS = 'prometheus';

const STOP_LIMIT_MS = 10_000;

/** Returns the folder of the metrics that Prometheus has scraped. */
export const prometheusDir = (stateDir: string) => join(stateDir, PROMETHEUS);

/**
 * Returns the path of the Prometheus on PATH, or undefined. It is never installed, because the metrics can be read at
 * the admin ports without it.
 */
export function findPrometheus(env: LocalConfig['env'], steps: Steps): string | undefined {
  const path = Bun.which(PROMETHEUS, { PATH: env['PATH'] ?? '' }) ?? undefined;
  if (path === undefined) steps.say(PROMETHEUS, 'is not on PATH: nothing scrapes the /metrics of the admin ports');
  return path;
}

/** Plans a Prometheus that scrapes the admin port of every service. */
export function planPrometheus(path: string, config: LocalConfig, services: readonly PlannedProcess[]): PlannedProcess {
  const port = config.port('TALLY_PROMETHEUS_PORT');
  const file = join(toRunFiles(config.stateDir).run, 'prometheus.yml');
  const address = `127.0.0.1:${port.port}`;
  return planPart(config, {
    name: PROMETHEUS,
    command: [
      path,
      `--config.file=${file}`,
      `--storage.tsdb.path=${prometheusDir(config.stateDir)}`,
      '--storage.tsdb.retention.time=2d',
      '--storage.tsdb.retention.size=256MB',
      `--web.listen-address=${address}`,
      '--log.level=warn',
      '--log.format=json',
    ],
    env: {},
    files: { [file]: toSettings(services) },
    ports: [port],
    readyUrl: `http://${address}/-/ready`,
    stopLimitMs: STOP_LIMIT_MS,
  });
}

/** Returns the settings as JSON, which is valid YAML. */
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
