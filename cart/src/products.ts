import { type Clock, type Flight, LimitError, createSingleFlight, createTtlCache } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Log } from '@tally/platform/telemetry';
import type { ProductService } from '@tally/proto/product';

import type { Products } from './add-item.ts';
import type { Product } from './cart.ts';

export interface ProductsDeps {
  /** Each call passes the limiter, then runs on its own: see `limit` and `detach`. */
  readonly client: Pick<ClientOf<typeof ProductService>, 'getProduct'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** The configured token. A caller may bring one of its own. */
  readonly token: string;
}

// A product's name and price hardly ever change, and its service allows ten calls a second in all.
const KNOWN_TTL_MS = 60_000;
const UNKNOWN_TTL_MS = 2_000;
const MAX_CACHED_PRODUCTS = 100_000;
/** Tries in all where the product service says that it is over its limit; each waits for its turn. */
const MAX_TRIES = 3;
const MAX_NAME_CHARS = 500;

/** No such product. Kept for a short while, like a product. */
const UNKNOWN = Symbol('unknown');
type Found = Product | typeof UNKNOWN;

/**
 * Product look-ups: a cache in front, and one flight per sku behind it.
 *
 * A flight that nobody waits for is dropped while it waits for its turn; once sent it ends by itself and feeds the cache.
 * A caller with a token of its own shares neither: what it may see is between it and the product service.
 */
export function createProducts(deps: ProductsDeps): Products {
  const cache = createTtlCache<number, Found>(deps, MAX_CACHED_PRODUCTS);
  const flights = createSingleFlight<number, Found>();

  async function fetchShared(sku: number, deadlineMs: number, onSent: () => void, signal: AbortSignal): Promise<Found> {
    const found = await fetch(deps, sku, deps.token, { signal, deadlineMs, onSent });
    cache.set(sku, found, found === UNKNOWN ? UNKNOWN_TTL_MS : KNOWN_TTL_MS);
    return found;
  }

  return {
    async lookup(sku, { token, signal, deadlineMs }) {
      if (token !== undefined) return toProduct(await fetch(deps, sku, token, { signal, deadlineMs }));
      const cached = cache.get(sku);
      if (cached !== undefined) return toProduct(cached);
      for (;;) {
        let isMine = false;
        const begin = (flight: Flight) => {
          isMine = true;
          return fetchShared(sku, deadlineMs, flight.leave, flight.signal);
        };
        try {
          return toProduct(await flights.run(sku, begin, signal));
        } catch (error) {
          // Refused for the shorter deadline of whoever began the flight: ours may still do.
          if (isMine || !isOverLimit(error)) throw error;
        }
      }
    },
  };
}

const toProduct = (found: Found): Product | undefined => (found === UNKNOWN ? undefined : found);

const isOverLimit = (error: unknown) => error instanceof AppError && error.reason === 'PRODUCT_LIMIT';

interface FetchOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly onSent?: () => void;
}

async function fetch(deps: ProductsDeps, sku: number, token: string, options: FetchOptions): Promise<Found> {
  for (let tries = 1; ; tries += 1) {
    try {
      return toFound(await deps.client.getProduct({ token, sku }, options));
    } catch (error) {
      if (error instanceof RpcError && error.code === Code.NOT_FOUND) return UNKNOWN;
      const isRefused = error instanceof RpcError && error.code === Code.RESOURCE_EXHAUSTED;
      if (isRefused && tries < MAX_TRIES) continue;
      throw toRefusal(error, token === deps.token, deps.log, sku);
    }
  }
}

/** What the product service must not answer is not stored. */
function toFound({ name, price }: Product): Product {
  if (name.length > MAX_NAME_CHARS || name.includes('\0')) {
    throw new RpcError({ code: Code.DATA_LOSS, message: 'a name beyond the bounds' });
  }
  return { name, price };
}

function toRefusal(error: unknown, isOwnToken: boolean, log: Log, sku: number): unknown {
  if (error instanceof LimitError) return overLimit(error.retryAfterMs, error);
  if (!(error instanceof RpcError)) return error;
  if (error.code === Code.RESOURCE_EXHAUSTED) return overLimit(1000, error);
  if (error.code === Code.UNAUTHENTICATED && !isOwnToken) {
    return new AppError('unauthenticated', 'the product service refuses the token of this request', {
      reason: 'WRONG_PRODUCT_TOKEN',
      cause: error,
    });
  }
  log.warn({ sku, code: error.code, error }, 'a product look-up failed');
  return new AppError('unavailable', 'the product service does not answer as it should', {
    reason: 'PRODUCT_UNAVAILABLE',
    retryAfterMs: 1000,
    cause: error,
  });
}

function overLimit(retryAfterMs: number, cause: unknown): AppError {
  return new AppError('resource-exhausted', 'too many product look-ups wait already: try again soon', {
    reason: 'PRODUCT_LIMIT',
    retryAfterMs: Math.ceil(retryAfterMs),
    cause,
  });
}
