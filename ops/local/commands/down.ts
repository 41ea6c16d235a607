import { existsSync, rmSync } from 'node:fs';

import { type Command, runCommand } from '@tally/platform/command-line';

import { prometheusDir } from '../parts/prometheus.ts';
import { takeDown } from '../run/end-processes.ts';
import { lockState } from '../run/launcher.ts';
import { type State, readState, toLauncherDeps } from '../state.ts';

const command: Command = {
  name: 'down',
  purpose: 'ends the whole system: services first, Kafka and PostgreSQL last. Its data stays.',
  options: [{ name: '--remove', meaning: 'also remove all data and logs' }],
  run: async (given) => {
    const state = readState(process.env);
    const { files } = state;
    if (!existsSync(files.run)) {
      console.log('Nothing was running.');
      return 0;
    }
    const deps = toLauncherDeps(state, (text) => process.stdout.write(text));
    using _lock = await lockState(deps, 'just down');
    const ran = await takeDown(deps);
    if (given.has('--remove')) {
      removeData(state);
      console.log(
        `Tally is down. Its data and logs are removed. This checkout is left, and the locks in ${files.run}.`,
      );
    } else {
      console.log(ran ? `Tally is down. Its data stays in ${state.dataDirs().join(', ')}.` : 'Nothing was running.');
    }
    return 0;
  },
};

/** Removes everything but the locks, because other commands may be waiting for them. */
function removeData({ config, files, plan, dataDirs }: State): void {
  const settings = (plan?.processes ?? []).flatMap((planned) => Object.keys(planned.files ?? {}));
  const own = [files.logs, files.plan, files.keepings, files.shape, files.gitignore];
  for (const path of [...dataDirs(), prometheusDir(config.stateDir), ...settings, ...own])
    rmSync(path, { recursive: true, force: true });
}

await runCommand(command, process.argv.slice(2));
