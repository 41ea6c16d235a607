import type { ConfigReader } from '@tally/platform/config';

/** Configuration of `just outbox`. */
interface OutboxConfig {
  readonly databaseUrl: string;
}

export function readOutboxConfig(reader: ConfigReader): OutboxConfig {
  return { databaseUrl: reader.url('LOMS_DATABASE_URL', 'Database of loms.', ['postgres', 'postgresql']) };
}
