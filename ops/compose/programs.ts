import { readCartConfig } from '@tally/cart/config';
import { readLomsConfig } from '@tally/loms/config';
import { readNotifierConfig } from '@tally/notifier/config';
import type { ConfigReader } from '@tally/platform/config';
import { readPrepareConfig } from '@tally/sql/config';

import { readProductConfig } from '../product/config.ts';
import { readStockConfig } from '../stock/config.ts';
import { readTopicsConfig } from '../topics/config.ts';

/** Of what a program reads, where it listens. */
export interface ProgramPorts {
  readonly host?: string;
  readonly grpcPort?: number;
  readonly adminPort?: number;
  readonly httpPort?: number;
}

/** Our programs that run in containers, by the file that each begins with, and how it reads its variables. */
export const PROGRAMS: Readonly<Record<string, (reader: ConfigReader) => ProgramPorts>> = {
  'cart/src/main.ts': readCartConfig,
  'loms/src/main.ts': readLomsConfig,
  'notifier/src/main.ts': readNotifierConfig,
  'ops/product/main.ts': readProductConfig,
  'ops/stock/main.ts': withoutPorts(readStockConfig),
  'ops/topics/main.ts': withoutPorts(readTopicsConfig),
  'sql/prepare.ts': withoutPorts(readPrepareConfig),
};

/** Where programs of others listen. Kafka says it in a variable. */
export const IMAGE_PORTS: Readonly<Record<string, readonly number[]>> = {
  'apache/kafka': [],
  'edoburu/pgbouncer': [5432],
  'grafana/grafana': [3000],
  'jaegertracing/jaeger': [4318, 13133, 16686],
  postgres: [5432],
  'prom/prometheus': [9090],
  redis: [6379],
};

function withoutPorts(read: (reader: ConfigReader) => unknown): (reader: ConfigReader) => ProgramPorts {
  return (reader) => {
    read(reader);
    return {};
  };
}
