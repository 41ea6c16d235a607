import type { ConfigReader } from '@tally/platform/config';
import { readDatabaseUrl } from '@tally/sql/config';

export interface StockConfig {
  readonly databaseUrl: string;
  /** Folder that the path of the stock file is relative to. */
  readonly folder: string;
}

export function readStockConfig(reader: ConfigReader): StockConfig {
  return {
    databaseUrl: readDatabaseUrl(reader, 'loms'),
    folder: reader.text(
      'TALLY_CALLED_FROM',
      'Folder that the path of the stock file is relative to; set by just.',
      '.',
    ),
  };
}
