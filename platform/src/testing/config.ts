import { type ConfigReader, readConfig } from '../config/index.ts';

/** Configuration of the tests. */
interface TestConfig {
  /** Superuser's URL of the PostgreSQL that all test processes share; undefined when each process starts its own. */
  readonly postgresUrl: string | undefined;
  /** Number of the test process, for names that must differ between processes. */
  readonly worker: string;
}

export function readTestVariables(reader: ConfigReader): TestConfig {
  return {
    postgresUrl: reader.optionalUrl(
      'TALLY_TEST_POSTGRES_URL',
      'PostgreSQL server for the tests, as its superuser; without it the tests start one.',
      ['postgres', 'postgresql'],
    ),
    worker: reader.text('BUN_TEST_WORKER_ID', 'Number of the test process; set by bun test --parallel.', 'w'),
  };
}

export const readTestConfig = (): TestConfig => readConfig(process.env, readTestVariables);
