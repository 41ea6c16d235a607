import { AppError } from '@tally/platform/errors';

import { available } from '../orders/stock.ts';
import type { Store } from '../store/store.ts';

/** Returns the units of a sku that can be ordered now. Throws UNKNOWN_SKU when the sku has no stock. */
export async function stockInfo(store: Pick<Store, 'findStock'>, sku: number, timeoutMs: number): Promise<bigint> {
  const stock = await store.findStock(sku, timeoutMs);
  if (stock === undefined) {
    throw new AppError('not-found', `sku ${sku} has no stock`, { reason: 'UNKNOWN_SKU', values: { sku: String(sku) } });
  }
  return available(stock);
}
