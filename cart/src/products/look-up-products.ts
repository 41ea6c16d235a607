import {
  BreakerOpenError,
  type Clock,
  type Flight,
  LimitError,
  type RetryBudget,
  createRetryBudget,
  createSingleFlight,
  retry,
} from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Log } from '@tally/platform/telemetry';
import type { ProductService } from '@tally/proto/product';

import type { Products } from '../items/add-item.ts';
import type { Product } from '../carts/cart.ts';
import { type Found, UNKNOWN, isProduct } from '../carts/product.ts';
import type { ProductCache } from './product-cache-redis.ts';

export type { ProductCache } from './product-cache-redis.ts';

export interface ProductsDeps {
  /** Each call passes the breaker and the limiter, then runs on its own: see `watch`, `limit` and `detach`. */
  readonly client: Pick<ClientOf<typeof ProductService>, 'getProduct'>;
  readonly cache: ProductCache;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** The configured token. A caller may bring one of its own. */
  readonly token: string;
}

// Where the product service says that it is over its limit. Each try waits for its turn.
const TRIES = { maxTries: 3, firstPauseMs: 200, maxPauseMs: 1_000 } as const;
const RETRY_SHARE = { callsPerRetry: 5, maxSavedRetries: 10 } as const;
const RETRY_AFTER_MS = 1_000;

interface Question {
  readonly sku: number;
  readonly token: string;
  /** The token is the caller's own. */
  readonly isCallersToken: boolean;
  readonly deadlineMs: number;
}

/**
 * Product look-ups: the process's cache in front, and one flight per sku behind it, to the shared cache and then to the
 * product service.
 *
 * A flight that nobody waits for is dropped while it waits for its turn; once sent it ends by itself and feeds the cache.
 * A caller with a token of its own shares neither: what it may see is between it and the product service.
 */
export function createProducts(deps: ProductsDeps): Products {
  const { clock, cache } = deps;
  const flights = createSingleFlight<number | symbol, Found>();
  const budget = createRetryBudget(RETRY_SHARE);

  async function askForAll(sku: number, deadlineMs: number, flight: Flight): Promise<Found> {
    const cached = await cache.far(sku);
    if (cached !== undefined) return cached;
    const question = { sku, token: deps.token, isCallersToken: false, deadlineMs };
    const found = await ask({ ...deps, budget }, question, flight);
    cache.keep(sku, found);
    return found;
  }

  async function lookupShared(sku: number, deadlineMs: number, signal: AbortSignal): Promise<Found> {
    for (;;) {
      const cached = cache.near(sku);
      if (cached !== undefined) return cached;
      let isMine = false;
      const begin = (flight: Flight) => {
        isMine = true;
        return askForAll(sku, deadlineMs, flight);
      };
      try {
        return await flights.run(sku, begin, signal);
      } catch (error) {
        // An aborted signal brings a reason, which may be the refusal of another look-up.
        if (isMine || signal.aborted || !hadTooLittleTime(error, deadlineMs - clock.nowMs())) throw error;
      }
    }
  }

  function lookupAlone(question: Question, signal: AbortSignal): Promise<Found> {
    return flights.run(Symbol('alone'), (flight) => ask({ ...deps, budget }, question, flight), signal);
  }

  return {
    async lookup(sku, { token, signal, deadlineMs }) {
      const found =
        token === undefined
          ? await lookupShared(sku, deadlineMs, signal)
          : await lookupAlone({ sku, token, isCallersToken: true, deadlineMs }, signal);
      return found === UNKNOWN ? undefined : found;
    },
  };
}

/** Refused for the deadline of whoever began the flight; a caller that has `leftMs` may still do. */
function hadTooLittleTime(error: unknown, leftMs: number): boolean {
  if (!(error instanceof AppError)) return false;
  return error.kind === 'deadline-exceeded' || (error.cause instanceof LimitError && error.cause.waitMs <= leftMs);
}

interface AskDeps extends ProductsDeps {
  readonly budget: RetryBudget;
}

async function ask(deps: AskDeps, question: Question, flight: Flight): Promise<Found> {
  const { sku, token, deadlineMs } = question;
  const { signal, leave, comeBack } = flight;
  const tryOnce = async (): Promise<Found> => {
    try {
      return toFound(await deps.client.getProduct({ token, sku }, { signal, deadlineMs, onSent: leave }));
    } catch (error) {
      if (error instanceof RpcError && error.code === Code.NOT_FOUND) return UNKNOWN;
      comeBack();
      throw error;
    }
  };
  try {
    return await retry(deps, { ...TRIES, isRetryable: isOverItsLimit, signal, deadlineMs }, tryOnce);
  } catch (error) {
    throw toRefusal(error, question, deps.log);
  }
}

const isOverItsLimit = (error: unknown) => error instanceof RpcError && error.code === Code.RESOURCE_EXHAUSTED;

/** What the product service must not answer is not stored. */
function toFound(answer: Product): Product {
  const { name, price } = answer;
  if (!isProduct(answer)) throw new RpcError({ code: Code.DATA_LOSS, message: 'a name or a price beyond the bounds' });
  return { name, price };
}

function toRefusal(error: unknown, { sku, isCallersToken }: Question, log: Log): unknown {
  if (error instanceof LimitError) return overLimit(Math.max(1, Math.ceil(error.waitMs)), error);
  // Said once, when it opened.
  if (error instanceof BreakerOpenError) return unavailable(Math.max(1, Math.ceil(error.retryAfterMs)), error);
  if (!(error instanceof RpcError)) return error;
  if (error.code === Code.UNAUTHENTICATED && isCallersToken) {
    return new AppError('unauthenticated', 'the product service refuses the token of this request', {
      reason: 'WRONG_PRODUCT_TOKEN',
      cause: error,
    });
  }
  log.warn({ sku, code: error.code, error }, 'a product look-up failed');
  if (isOverItsLimit(error)) return overLimit(RETRY_AFTER_MS, error);
  return unavailable(RETRY_AFTER_MS, error);
}

function unavailable(retryAfterMs: number, cause: unknown): AppError {
  return new AppError('unavailable', 'the product service does not answer as it should', {
    reason: 'PRODUCT_UNAVAILABLE',
    retryAfterMs,
    cause,
  });
}

function overLimit(retryAfterMs: number, cause: unknown): AppError {
  return new AppError('resource-exhausted', 'too many product look-ups wait already: try again soon', {
    reason: 'PRODUCT_LIMIT',
    retryAfterMs,
    cause,
  });
}
