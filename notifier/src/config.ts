import type { ConfigReader } from '@tally/platform/config';
import { type EventLogConfig, readEventLogConfig } from '@tally/platform/events';
import { type ServiceConfig, readServiceConfig } from '@tally/platform/lifecycle';

export interface NotifierConfig extends ServiceConfig, EventLogConfig {
  /** Maximum number of events in one transaction. */
  readonly maxBatchEvents: number;
}

export function readNotifierConfig(reader: ConfigReader): NotifierConfig {
  const service = readServiceConfig(reader, 'notifier', { grpcPort: 10083, adminPort: 10081 });
  return {
    ...service,
    ...readEventLogConfig(reader, service.name, service.adminPort),
    maxBatchEvents: reader.integer('NOTIFIER_MAX_BATCH_EVENTS', 'Maximum number of events in one transaction.', {
      fallback: 200,
      min: 1,
      max: 1_000,
      unit: 'events',
    }),
  };
}
