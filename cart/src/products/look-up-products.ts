import { type Clock, type Flight, LimitError, createSingleFlight } from '@tally/platform/concurrency';
import { AppError } from '@tally/platform/errors';

import {
  type LookUpOptions,
  type LookedUp,
  NO_SUCH_PRODUCT,
  type ProductCache,
  type ProductService,
  type Products,
} from './products.ts';

interface ProductsDeps {
  readonly service: ProductService;
  readonly cache: ProductCache;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Looks products up: in the cache of this process, then in the shared cache, then in the product service. Callers that
 * want the same sku at the same time share one look-up (a flight).
 *
 * When all callers of a flight have gone away, the flight is cancelled if its call still waits for its turn at the
 * limit. Once the call was sent, the flight runs to its end and fills the cache.
 *
 * A flight has the deadline of the caller that started it. When it fails for want of time, callers that joined it and
 * have enough time left start a flight of their own.
 *
 * A caller with its own token shares neither flights nor the cache, because the product service decides what that token
 * may see.
 */
export function createProducts({ service, cache, clock }: ProductsDeps): Products {
  const flights = createSingleFlight<number | symbol, LookedUp>();

  /** Looks a sku up for all callers that wait for it. `deadlineMs` is that of the caller that started the flight. */
  async function lookUpForAll(sku: number, deadlineMs: number, flight: Flight): Promise<LookedUp> {
    const cached = await cache.getShared(sku);
    if (cached !== undefined) return cached;
    const answer = await service.getProduct({ sku, callerToken: undefined, deadlineMs }, flight);
    cache.set(sku, answer);
    return answer;
  }

  async function lookUpShared(sku: number, { signal, deadlineMs }: LookUpOptions): Promise<LookedUp> {
    for (;;) {
      const cached = cache.getLocal(sku);
      if (cached !== undefined) return cached;
      let isStarter = false;
      const start = (flight: Flight) => {
        isStarter = true;
        return lookUpForAll(sku, deadlineMs, flight);
      };
      try {
        return await flights.run(sku, start, signal);
      } catch (error) {
        // An aborted caller must not go round again: its error is the reason of its own signal, not the flight's
        // failure.
        if (isStarter || signal.aborted || !mayStartAnother(error, deadlineMs - clock.nowMs())) throw error;
      }
    }
  }

  function lookUpAlone(sku: number, { token, signal, deadlineMs }: LookUpOptions): Promise<LookedUp> {
    const request = { sku, callerToken: token, deadlineMs };
    return flights.run(Symbol('alone'), (flight) => service.getProduct(request, flight), signal);
  }

  return {
    async lookUp(sku, options) {
      const answer = await (options.token === undefined ? lookUpShared(sku, options) : lookUpAlone(sku, options));
      return answer === NO_SUCH_PRODUCT ? undefined : answer;
    },
  };
}

/**
 * Returns whether a flight failed only because the caller that started it had too little time, so that a caller with
 * `leftMs` milliseconds left may start another one.
 */
function mayStartAnother(error: unknown, leftMs: number): boolean {
  if (!(error instanceof AppError)) return false;
  return error.kind === 'deadline-exceeded' || (error.cause instanceof LimitError && error.cause.waitMs <= leftMs);
}
