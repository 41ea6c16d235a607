import type { ConfigReader } from '@tally/platform/config';
import { type EventLogConfig, readEventLogConfig } from '@tally/platform/events';
import { type ServiceConfig, readServiceConfig } from '@tally/platform/lifecycle';

export interface LomsConfig extends ServiceConfig, EventLogConfig {
  /** Maximum number of commands that wait for a transaction. The next one is refused with QUEUE_FULL. */
  readonly maxQueuedCommands: number;
  /** Maximum number of commands in one transaction. */
  readonly maxBatchCommands: number;
  /** Maximum number of order lines in one transaction. */
  readonly maxBatchLines: number;
  /** Milliseconds after which an unpaid order is cancelled. */
  readonly paymentTimeoutMs: number;
  /** Milliseconds between two sweeps for unpaid orders that are due. */
  readonly expiryIntervalMs: number;
  /** Milliseconds between two rounds of the relay when no new event wakes it. */
  readonly relayIntervalMs: number;
}

export function readLomsConfig(reader: ConfigReader): LomsConfig {
  const service = readServiceConfig(reader, 'loms', { grpcPort: 9083, adminPort: 9081 });
  return {
    ...service,
    ...readEventLogConfig(reader, service.name, service.adminPort),
    maxQueuedCommands: reader.integer(
      'LOMS_MAX_QUEUED_COMMANDS',
      'Maximum number of commands that wait for a transaction; more are refused.',
      {
        fallback: 4096,
        min: 1,
        max: 100_000,
        unit: 'commands',
      },
    ),
    maxBatchCommands: reader.integer('LOMS_MAX_BATCH_COMMANDS', 'Maximum number of commands in one transaction.', {
      fallback: 64,
      min: 1,
      max: 1_000,
      unit: 'commands',
    }),
    maxBatchLines: reader.integer('LOMS_MAX_BATCH_LINES', 'Maximum number of order lines in one transaction.', {
      fallback: 2_000,
      min: 1_000,
      max: 20_000,
      unit: 'lines',
    }),
    paymentTimeoutMs:
      1000 *
      reader.integer('LOMS_PAYMENT_TIMEOUT_SECONDS', 'Time after which an unpaid order is cancelled.', {
        fallback: 600,
        min: 1,
        max: 86_400,
        unit: 's',
      }),
    expiryIntervalMs: reader.integer('LOMS_EXPIRY_INTERVAL_MS', 'Pause between two searches for orders to cancel.', {
      fallback: 1_000,
      min: 10,
      max: 60_000,
      unit: 'ms',
    }),
    relayIntervalMs: reader.integer(
      'LOMS_RELAY_INTERVAL_MS',
      'Pause between two looks of the relay into the outbox, when no new event wakes it.',
      {
        fallback: 200,
        min: 10,
        max: 60_000,
        unit: 'ms',
      },
    ),
  };
}
