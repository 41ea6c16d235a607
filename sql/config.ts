import type { ConfigReader } from '@tally/platform/config';

export const DATABASES = ['cart', 'loms', 'notifier', 'log'] as const;

export interface PrepareConfig {
  readonly adminUrl: string;
  readonly password: string;
  /** Of DATABASES, those to make. */
  readonly names: readonly string[];
}

export function readPrepareConfig(reader: ConfigReader): PrepareConfig {
  return {
    adminUrl: reader.url('ADMIN_DATABASE_URL', 'the server, as its superuser', ['postgres', 'postgresql']),
    password: reader.text('TALLY_DATABASE_PASSWORD', 'password of the role tally'),
    names: reader.text('DATABASES', 'databases to make, with commas', DATABASES.join(',')).split(','),
  };
}
