import type { ConfigReader } from '@tally/platform/config';
import { type ServiceConfig, readServiceConfig } from '@tally/platform/lifecycle';

export interface CartConfig extends ServiceConfig {
  readonly lomsAddresses: readonly string[];
  readonly productAddresses: readonly string[];
  readonly productToken: string;
  /** Product look-ups of all List calls together that may run at once. */
  readonly lookUpWorkers: number;
  /** Look-ups that may wait for a worker; the next one is refused. */
  readonly maxQueuedLookUps: number;
  /** How often open checkouts are looked for that nobody works on. */
  readonly resumeIntervalMs: number;
}

export function readCartConfig(reader: ConfigReader): CartConfig {
  return {
    ...readServiceConfig(reader, 'cart', { grpcPort: 8083, adminPort: 8081 }),
    lomsAddresses: reader.addresses('LOMS_ADDRESS', 'where loms answers gRPC', '127.0.0.1:9083'),
    productAddresses: reader.addresses('PRODUCT_ADDRESS', 'where the product service answers gRPC', '127.0.0.1:8082'),
    productToken: reader.text('PRODUCT_TOKEN', 'token for the product service'),
    lookUpWorkers: reader.integer('CART_LOOK_UP_WORKERS', 'product look-ups that run at once', {
      fallback: 64,
      min: 1,
      max: 1_000,
    }),
    maxQueuedLookUps: reader.integer('CART_MAX_QUEUED_LOOK_UPS', 'product look-ups that may wait', {
      fallback: 10_000,
      min: 1_000,
      max: 1_000_000,
    }),
    resumeIntervalMs: reader.integer('CART_RESUME_INTERVAL_MS', 'how often abandoned checkouts are looked for', {
      fallback: 500,
      min: 10,
      max: 60_000,
    }),
  };
}
