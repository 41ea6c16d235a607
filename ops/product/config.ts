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
    host: reader.text('TALLY_HOST', 'Address to listen on.', '127.0.0.1'),
    grpcPort: reader.port('PRODUCT_GRPC_PORT', 'Port for gRPC.', 8082),
    httpPort: reader.port('PRODUCT_HTTP_PORT', 'Port for HTTP.', 8080),
    token: reader.text('PRODUCT_TOKEN', 'Token that callers must send.'),
    cataloguePath: reader.text('PRODUCT_CATALOGUE', 'JSON file of products.', join(import.meta.dir, 'catalogue.json')),
    generatedProducts: reader.integer(
      'PRODUCT_GENERATED',
      'Number of generated products, with skus from 1 on, next to those of the file.',
      {
        fallback: 0,
        min: 0,
        max: 10_000_000,
        unit: 'products',
      },
    ),
    maxCallsPerSecond: reader.integer(
      'PRODUCT_MAX_CALLS_PER_SECOND',
      'Maximum number of calls in one second of the clock; more are refused.',
      {
        fallback: 11,
        min: 1,
        max: 1_000_000,
        unit: 'calls/s',
      },
    ),
    behaviour: {
      latencyMs: reader.integer('PRODUCT_LATENCY_MS', 'Delay of each answer.', {
        fallback: 0,
        min: 0,
        max: 60_000,
        unit: 'ms',
      }),
      fault: reader.oneOf('PRODUCT_FAULT', 'Fault to inject.', FAULTS, 'none'),
      faultRate:
        reader.integer('PRODUCT_FAULT_PERCENT', 'Share of the calls with the fault.', {
          fallback: 0,
          min: 0,
          max: 100,
          unit: '%',
        }) / 100,
    },
    logLevel: reader.oneOf('LOG_LEVEL', 'Least severe log lines to write.', LOG_LEVELS, 'info'),
    drainMs: reader.integer('DRAIN_LIMIT_MS', 'Time that calls in flight get to end after SIGTERM.', {
      fallback: 2_000,
      min: 0,
      max: 300_000,
      unit: 'ms',
    }),
  };
}
