import { join } from 'node:path';

import type { ConfigReader } from '@tally/platform/config';
import { LOG_LEVELS, type LogLevel } from '@tally/platform/telemetry';

import type { Behaviour } from './faults.ts';
import { FAULTS } from './faults.ts';

export interface ProductConfig {
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly token: string;
  readonly cataloguePath: string;
  /** Number of generated products in addition to those of the file. Their skus start at 1. */
  readonly generatedProducts: number;
  readonly maxCallsPerSecond: number;
  readonly behaviour: Behaviour;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
}

export function readProductConfig(reader: ConfigReader): ProductConfig {
  return {
    host: reader.text('TALLY_HOST', 'address to listen on', '127.0.0.1'),
    grpcPort: reader.port('PRODUCT_GRPC_PORT', 'port for gRPC', 8082),
    httpPort: reader.port('PRODUCT_HTTP_PORT', 'port for HTTP', 8080),
    token: reader.text('PRODUCT_TOKEN', 'token that callers must send'),
    cataloguePath: reader.text(
      'PRODUCT_CATALOGUE',
      'JSON file with the products',
      join(import.meta.dir, 'catalogue.json'),
    ),
    generatedProducts: reader.integer(
      'PRODUCT_GENERATED',
      'number of generated products, in addition to those of the file',
      {
        fallback: 0,
        min: 0,
        max: 10_000_000,
      },
    ),
    maxCallsPerSecond: reader.integer('PRODUCT_MAX_CALLS_PER_SECOND', 'calls allowed in one second of the clock', {
      fallback: 11,
      min: 1,
      max: 1_000_000,
    }),
    behaviour: {
      latencyMs: reader.integer('PRODUCT_LATENCY_MS', 'time before each answer', {
        fallback: 0,
        min: 0,
        max: 60_000,
      }),
      fault: reader.oneOf('PRODUCT_FAULT', 'fault to inject', FAULTS, 'none'),
      faultRate:
        reader.integer('PRODUCT_FAULT_PERCENT', 'share of the calls that the fault hits', {
          fallback: 0,
          min: 0,
          max: 100,
        }) / 100,
    },
    logLevel: reader.oneOf('LOG_LEVEL', 'least severe lines to log', LOG_LEVELS, 'info'),
    drainMs: reader.integer('DRAIN_LIMIT_MS', 'time for calls in flight after SIGTERM', {
      fallback: 2_000,
      min: 0,
      max: 300_000,
    }),
  };
}
