import type { ConfigReader } from '@tally/platform/config';
import { type EventLogConfig, readEventLogConfig } from '@tally/platform/events';

export function readTopicsConfig(reader: ConfigReader): EventLogConfig {
  return readEventLogConfig(reader, 'topics', 0);
}
