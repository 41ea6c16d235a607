import type { ConfigReader } from '@tally/platform/config';

/** What `just checkout` is connected to. */
interface CheckoutCommandConfig {
  readonly databaseUrl: string;
  readonly lomsAddresses: readonly string[];
}

export function readCheckoutCommandConfig(reader: ConfigReader): CheckoutCommandConfig {
  return {
    databaseUrl: reader.url('CART_DATABASE_URL', 'Database of cart.', ['postgres', 'postgresql']),
    lomsAddresses: reader.addresses('LOMS_ADDRESS', 'Addresses of loms.', '127.0.0.1:9083'),
  };
}
