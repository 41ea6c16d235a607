import { existsSync, rmSync } from 'node:fs';

import { type Command, runCommand } from '@tally/platform/command-line';
import { systemClock } from '@tally/platform/concurrency';

import { CHECKOUT, readLocalConfig } from '../config.ts';
import { lockState } from '../run/launcher.ts';
import { prometheusDir } from '../parts/prometheus.ts';
import { readPlan, toRunFiles } from '../run/run-files.ts';
import { createServers, dataDirs } from '../parts/servers.ts';
import { SHAPES, readShape } from '../plan/shape.ts';
import { createSteps } from '../run/steps.ts';
import { takeDown } from '../run/take-down.ts';

const command: Command = {
  name: 'down',
  purpose: 'ends the whole system: services first, Kafka and PostgreSQL last. Its data stays.',
  options: [{ name: '--remove', meaning: 'remove all data and logs too' }],
  run: async (given) => {
    const config = readLocalConfig(process.env, CHECKOUT);
    const { stateDir } = config;
    const files = toRunFiles(stateDir);
    if (!existsSync(files.run)) {
      console.log('Nothing was running.');
      return 0;
    }
    const deps = { clock: systemClock, files, steps: createSteps(systemClock, (text) => process.stdout.write(text)) };
    using _lock = await lockState(deps, 'just down');
    const servers = createServers(config, readShape(files) ?? SHAPES.light);
    const ran = await takeDown(deps, stateDir, servers.all);
    if (!given.has('--remove')) {
      console.log(ran ? `Tally is down. Its data stays in ${dataDirs(servers).join(', ')}.` : 'Nothing was running.');
      return 0;
    }
    const settings = readPlan(files)?.processes.flatMap((planned) => Object.keys(planned.files ?? {})) ?? [];
    // Not the lock: somebody may be waiting for it.
    const own = [files.logs, files.plan, files.keepings, files.shape, files.gitignore];
    for (const path of [...dataDirs(servers), prometheusDir(stateDir), ...settings, ...own])
      rmSync(path, { recursive: true, force: true });
    console.log(
      `Tally is down, its data and logs are removed. What is left: this checkout, and small files in ${files.run} by which commands take turns.`,
    );
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
