import type { ConfigReader } from '@tally/platform/config';

export interface StockConfig {
  readonly databaseUrl: string;
}

export function readStockConfig(reader: ConfigReader): StockConfig {
  return { databaseUrl: reader.url('LOMS_DATABASE_URL', 'database of loms', ['postgres', 'postgresql']) };
}
