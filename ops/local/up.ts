import { systemClock } from '@tally/platform/concurrency';
import type { RedisPrograms } from '@tally/platform/redis';

import { rememberLog, requireSameLog } from './chosen-log.ts';
import { type Command, runCommand } from './command.ts';
import { CHECKOUT, type LocalConfig, readLocalConfig } from './config.ts';
import { type LocalKafka, createKafka } from './kafka.ts';
import { bringUp, lockState } from './launcher.ts';
import type { Plan } from './plan.ts';
import { type LocalPostgres, createPostgres } from './postgres.ts';
import { prepareRedis } from './redis.ts';
import { toRunFiles } from './run-files.ts';
import { createSteps, toSeconds } from './steps.ts';
import { justCall } from './just-call.ts';
import { planSystem } from './system.ts';

const command: Command = {
  name: 'up',
  purpose: 'starts the whole system in the background, or mends what of it does not run.',
  argument: { name: 'LOG', choices: ['kafka'], required: false },
  options: [],
  notes: [
    'With kafka the event log is a real Kafka broker, fetched by Maven once; it needs Java 17. A state folder keeps its log.',
    '',
    'Ports are moved by CART_GRPC_PORT, CART_ADMIN_PORT, LOMS_…, NOTIFIER_…, PRODUCT_GRPC_PORT, PRODUCT_HTTP_PORT,',
    'TALLY_POSTGRES_PORT, TALLY_REDIS_PORT, TALLY_KAFKA_PORT and TALLY_KAFKA_CONTROLLER_PORT. TALLY_STATE_DIR is the folder',
    'for data and logs (.local). Variables that begin with CART_, LOMS_, NOTIFIER_, PRODUCT_ or OTEL_, and LOG_LEVEL and',
    'DRAIN_LIMIT_MS, reach the services. LIMITER_REDIS_URL and CACHE_REDIS_URLS name another Redis than the one started here.',
  ],
  run: async (given) => {
    // The recipe's own start, so that what was installed counts too.
    const startedAtMs = Number(process.env['TALLY_STARTED_AT_MS'] ?? Date.now());
    const config = readLocalConfig(process.env, CHECKOUT);
    const deps = {
      clock: systemClock,
      files: toRunFiles(config.stateDir),
      steps: createSteps(systemClock, (text) => process.stdout.write(text)),
    };
    using _lock = await lockState(deps, 'just up');
    const log = given.argument === 'kafka' ? 'kafka' : 'postgres';
    requireSameLog(deps.files, config.stateDir, log);
    const kafka = log === 'kafka' ? createKafka(config) : undefined;
    await kafka?.prepare(deps.steps);
    const postgres = createPostgres(config);
    await postgres.prepare();
    const redis = await prepareRedis(config, deps.steps);
    await bringUp(deps, planWith(config, postgres, kafka, redis), {
      ...postgres,
      async raise(steps) {
        rememberLog(deps.files, log);
        await postgres.raise(steps);
        await kafka?.raise(steps);
      },
    });
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

function planWith(
  config: LocalConfig,
  postgres: LocalPostgres,
  kafka: LocalKafka | undefined,
  redis: RedisPrograms | undefined,
): Plan {
  if (kafka === undefined) return planSystem(config, postgres.url, [postgres.logPath], { redis });
  const kafkaAddress = `127.0.0.1:${config.ports.kafka.port}`;
  return planSystem(config, postgres.url, [postgres.logPath, kafka.logPath], { kafkaAddress, redis });
}

await runCommand(command, process.argv.slice(2));
