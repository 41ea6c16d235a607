import type { Flight } from '@tally/platform/concurrency';

import type { Product } from '../carts/product.ts';

export interface LookUpOptions {
  /** The caller's own token for the product service. Undefined: the configured token. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** The port through which cart looks products up. */
export interface Products {
  /** Returns the product with this sku, or undefined when there is none. */
  lookUp(sku: number, options: LookUpOptions): Promise<Product | undefined>;
}

/** The answer that a sku does not exist. It is cached like a product, but for a shorter time. */
export const NO_SUCH_PRODUCT = Symbol('no such product');

export type LookedUp = Product | typeof NO_SUCH_PRODUCT;

export interface ProductRequest {
  readonly sku: number;
  /** The caller's own token. Undefined: the configured token. */
  readonly callerToken: string | undefined;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
}

/** The port to the product service. */
export interface ProductService {
  /**
   * Asks for one product. Rejects with PRODUCT_LIMIT, PRODUCT_UNAVAILABLE or WRONG_PRODUCT_TOKEN.
   *
   * `flight` is the look-up that callers share. Once the call is sent, the flight is kept from being cancelled, because
   * the call counts against the limit even if no caller waits for its answer any more.
   */
  getProduct(request: ProductRequest, flight: Flight): Promise<LookedUp>;
}

/** Products that were looked up before, kept in this process and in a layer that all instances share. Never fails. */
export interface ProductCache {
  /** Returns what this process has cached. */
  getLocal(sku: number): LookedUp | undefined;
  /** Returns what any instance has cached in the shared layer, and caches it in this process. A failure is a miss. */
  getShared(sku: number): Promise<LookedUp | undefined>;
  /** Caches an answer in both layers. Does not wait for the shared one. */
  set(sku: number, answer: LookedUp): void;
}
