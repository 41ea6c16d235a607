import type { ConfigReader } from '@tally/platform/config';

/** Configuration of `just test`. */
export interface TestRunConfig {
  /** Whether a skipped test counts as a failed one. */
  readonly isSkipFatal: boolean;
}

export function readTestRunConfig(reader: ConfigReader): TestRunConfig {
  return {
    isSkipFatal: reader.text('CI', 'With true, a skipped test counts as a failed one.', 'false') === 'true',
  };
}
