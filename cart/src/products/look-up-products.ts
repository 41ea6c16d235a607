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
 * A flight that no caller waits for any more is dropped while it waits for its turn at the limit. Once its call was sent
 * it runs to its end and fills the cache.
 *
 * A caller with its own token shares neither flights nor the cache, since the product service decides what that token may
 * see.
 */
export function createProducts({ service, cache, clock }: ProductsDeps): Products {
  const flights = createSingleFlight<number | symbol, LookedUp>();

  /** Runs once for all callers that wait for this sku. */
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
        // The flight had the deadline of the caller that started it. A caller that joined and has more time left starts a
        // flight of its own. An aborted caller does not: its error is the reason of its signal, and not the flight's.
        if (isStarter || signal.aborted || !hadTooLittleTime(error, deadlineMs - clock.nowMs())) throw error;
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

/** Returns whether a flight failed because its caller had too little time, and `leftMs` may be enough for another one. */
function hadTooLittleTime(error: unknown, leftMs: number): boolean {
  if (!(error instanceof AppError)) return false;
  return error.kind === 'deadline-exceeded' || (error.cause instanceof LimitError && error.cause.waitMs <= leftMs);
}
