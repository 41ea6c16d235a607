import type { ConfigReader } from '@tally/platform/config';

/** Configuration of `just smoke`. */
export interface SmokeConfig {
  readonly productToken: string;
}

export function readSmokeConfig(reader: ConfigReader): SmokeConfig {
  return { productToken: reader.text('PRODUCT_TOKEN', 'Token for the product stand-in.', 'testtoken') };
}
