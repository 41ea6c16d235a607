import { type ConfigReader, readConfig } from '../config/index.ts';

/** Configuration of the tests. */
interface TestConfig {
  /** URL of the superuser's database on the PostgreSQL that all test files share; undefined: each process starts one. */
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
