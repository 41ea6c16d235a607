import type { ConfigReader } from '@tally/platform/config';
import { readPrepareConfig } from '@tally/sql/config';

import { type ListeningPorts, SERVICES } from '../services.ts';
import { readStockConfig } from '../stock/config.ts';
import { readTopicsConfig } from '../topics/config.ts';

/** The configuration readers of our programs that run in containers, by the path of the program. */
export const PROGRAMS: Readonly<Record<string, (reader: ConfigReader) => ListeningPorts>> = {
  ...Object.fromEntries(Object.values(SERVICES).map(({ main, readConfig }) => [main, readConfig])),
  'ops/stock/main.ts': withoutPorts(readStockConfig),
  'ops/topics/main.ts': withoutPorts(readTopicsConfig),
  'sql/prepare.ts': withoutPorts(readPrepareConfig),
};

/** The ports on which the programs of other images listen. Those of Kafka are in its variable KAFKA_LISTENERS. */
export const IMAGE_PORTS: Readonly<Record<string, readonly number[]>> = {
  'apache/kafka': [],
  'edoburu/pgbouncer': [5432],
  'grafana/grafana': [3000],
  'jaegertracing/jaeger': [4318, 13133, 16686],
  postgres: [5432],
  'prom/prometheus': [9090],
  redis: [6379],
};

function withoutPorts(read: (reader: ConfigReader) => unknown): (reader: ConfigReader) => ListeningPorts {
  return (reader) => {
    read(reader);
    return {};
  };
}
