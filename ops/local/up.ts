import { systemClock } from '@tally/platform/concurrency';

import { type Command, runCommand } from './command.ts';
import { CHECKOUT, readLocalConfig } from './config.ts';
import { bringUp, lockState } from './launcher.ts';
import { createPostgres } from './postgres.ts';
import { prepareRedis } from './redis.ts';
import { toRunFiles } from './run-files.ts';
import { createSteps, toSeconds } from './steps.ts';
import { justCall } from './just-call.ts';
import { planSystem } from './system.ts';

const command: Command = {
  name: 'up',
  purpose: 'starts the whole system in the background, or mends what of it does not run.',
  options: [],
  notes: [
    'Ports are moved by CART_GRPC_PORT, CART_ADMIN_PORT, LOMS_…, NOTIFIER_…, PRODUCT_GRPC_PORT, PRODUCT_HTTP_PORT and',
    'TALLY_POSTGRES_PORT and TALLY_REDIS_PORT. TALLY_STATE_DIR is the folder for data and logs (.local). Variables that',
    'begin with CART_, LOMS_, NOTIFIER_, PRODUCT_ or OTEL_, and LOG_LEVEL and DRAIN_LIMIT_MS, reach the services.',
    'LIMITER_REDIS_URL and CACHE_REDIS_URLS name another Redis than the one that is started here.',
  ],
  run: async () => {
    // The recipe's own start, so that what was installed counts too.
    const startedAtMs = Number(process.env['TALLY_STARTED_AT_MS'] ?? Date.now());
    const config = readLocalConfig(process.env, CHECKOUT);
    const deps = {
      clock: systemClock,
      files: toRunFiles(config.stateDir),
      steps: createSteps(systemClock, (text) => process.stdout.write(text)),
    };
    using _lock = await lockState(deps, 'just up');
    const postgres = createPostgres(config);
    await postgres.prepare();
    const redis = await prepareRedis(config, deps.steps);
    await bringUp(deps, planSystem(config, postgres.url, [postgres.logPath], redis), postgres);
    const just = justCall();
    console.log(`
Tally is up after ${toSeconds(Date.now() - startedAtMs)}. Try next:

  ${just} demo       a shopper's orders, and 400 shoppers for 100 units
  ${just} status     what runs
  ${just} logs -f    what it does
  ${just} verify     whether everything adds up
  ${just} down       ends it; its data stays`);
    return 0;
  },
};

await runCommand(command, process.argv.slice(2));
