import type { ConfigReader } from '@tally/platform/config';
import { type ServiceConfig, readServiceConfig } from '@tally/platform/lifecycle';

export interface NotifierConfig extends ServiceConfig {
  /** Database of the event log. */
  readonly logUrl: string;
  /** Events of one transaction. */
  readonly maxBatchEvents: number;
}

export function readNotifierConfig(reader: ConfigReader): NotifierConfig {
  return {
    ...readServiceConfig(reader, 'notifier', { grpcPort: 10083, adminPort: 10081 }),
    logUrl: reader.url('LOG_DATABASE_URL', 'the event log', ['postgres', 'postgresql']),
    maxBatchEvents: reader.integer('NOTIFIER_MAX_BATCH_EVENTS', 'events of one transaction', {
      fallback: 200,
      min: 1,
      max: 1_000,
    }),
  };
}
