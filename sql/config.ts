import type { ConfigReader } from '@tally/platform/config';

import { DATABASE_NAMES, POSTGRES_SCHEMES } from './databases.ts';

export interface PrepareConfig {
  readonly adminUrl: string;
  readonly password: string;
  /** Names of the databases to create. */
  readonly names: readonly string[];
}

export function readPrepareConfig(reader: ConfigReader): PrepareConfig {
  return {
    adminUrl: reader.url('ADMIN_DATABASE_URL', 'server to prepare, as its superuser', POSTGRES_SCHEMES),
    password: reader.text('TALLY_DATABASE_PASSWORD', 'password of the role tally'),
    names: reader.text('DATABASES', 'databases to create, separated by commas', DATABASE_NAMES.join(',')).split(','),
  };
}
