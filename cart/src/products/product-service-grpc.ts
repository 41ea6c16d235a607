import { BreakerOpenError, type Clock, LimitError, createRetryBudget, retry } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';
import { type ClientOf, Code, RpcError } from '@tally/platform/grpc';
import type { Log } from '@tally/platform/telemetry';
import type { ProductService as ProductRpc } from '@tally/proto/product';

import { type Product, isProduct } from '../carts/product.ts';
import { type LookedUp, NO_SUCH_PRODUCT, type ProductRequest, type ProductService } from './products.ts';

interface ProductServiceDeps {
  /**
   * Its interceptors apply the breaker and the limit. They let a call that was sent run on when its caller goes away.
   */
  readonly client: Pick<ClientOf<typeof ProductRpc>, 'getProduct'>;
  readonly clock: Clock;
  /** Returns 0 to 1. */
  readonly random: () => number;
  readonly log: Log;
  /** The configured token, for callers that bring none of their own. */
  readonly token: string;
}

// Only RESOURCE_EXHAUSTED is retried, which says that the service has counted more calls than its limit allows. Each
// retry waits for its turn at the limit like a first call.
const RETRIES = { maxTries: 3, firstPauseMs: 200, maxPauseMs: 1_000 } as const;
// Every five calls earn one retry. At most ten retries are saved up, and the budget starts with ten.
const RETRY_SHARE = { callsPerRetry: 5, maxSavedRetries: 10 } as const;
const RETRY_AFTER_MS = 1_000;

/** Returns the port to the product service, over gRPC. */
export function createGrpcProductService(deps: ProductServiceDeps): ProductService {
  const { client, clock, random, log } = deps;
  const budget = createRetryBudget(RETRY_SHARE);

  return {
    async getProduct(request, { signal, preventCancel, allowCancel }) {
      const { sku, callerToken, deadlineMs } = request;
      const message = { sku, token: callerToken ?? deps.token };
      const call = async (): Promise<LookedUp> => {
        try {
          return toProduct(await client.getProduct(message, { signal, deadlineMs, onSent: preventCancel }));
        } catch (error) {
          if (error instanceof RpcError && error.code === Code.NOT_FOUND) return NO_SUCH_PRODUCT;
          allowCancel();
          throw error;
        }
      };
      try {
        const options = { ...RETRIES, isRetryable: isOverItsLimit, signal, deadlineMs };
        return await retry({ clock, random, budget }, options, call);
      } catch (error) {
        throw toRefusal(error, request, log);
      }
    },
  };
}

const isOverItsLimit = (error: unknown) => error instanceof RpcError && error.code === Code.RESOURCE_EXHAUSTED;

/** Checks the answer, so that nothing out of bounds is cached, stored or shown. */
function toProduct({ name, price }: Product): Product {
  if (isProduct({ name, price })) return { name, price };
  throw new RpcError({
    code: Code.DATA_LOSS,
    message: `the product service answered with a name of ${name.length} characters and price ${price}: out of bounds`,
  });
}

function toRefusal(error: unknown, { sku, callerToken }: ProductRequest, log: Log): unknown {
  if (error instanceof LimitError) return overLimit(Math.max(1, Math.ceil(error.waitMs)), error);
  // Not logged here: one line was logged when the breaker opened.
  if (error instanceof BreakerOpenError) return unavailable(Math.max(1, Math.ceil(error.retryAfterMs)), error);
  if (!(error instanceof RpcError)) return error;
  if (error.code === Code.UNAUTHENTICATED && callerToken !== undefined) {
    return new AppError('unauthenticated', 'the product service refused the token in x-product-token', {
      reason: 'WRONG_PRODUCT_TOKEN',
      cause: error,
    });
  }
  log.warn({ sku, code: error.code, error }, 'a product look-up failed');
  return isOverItsLimit(error) ? overLimit(RETRY_AFTER_MS, error) : unavailable(RETRY_AFTER_MS, error);
}

function unavailable(retryAfterMs: number, cause: unknown): AppError {
  return new AppError('unavailable', 'the product service is unavailable or gave an invalid answer: try again later', {
    reason: 'PRODUCT_UNAVAILABLE',
    retryAfterMs,
    cause,
  });
}

function overLimit(retryAfterMs: number, cause: unknown): AppError {
  return new AppError('resource-exhausted', 'too many product look-ups are waiting: try again later', {
    reason: 'PRODUCT_LIMIT',
    retryAfterMs,
    cause,
  });
}
