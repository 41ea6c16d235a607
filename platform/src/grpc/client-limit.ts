import type { TokenBucket } from '../concurrency/index.ts';
import type { ClientInterceptor } from './client-interceptor.ts';

/** Lets each call wait for a token of the bucket within its deadline. A call that fails with LimitError is not sent. */
export function limit(bucket: TokenBucket): ClientInterceptor {
  return (next) => async (request, options) => {
    const { signal, deadlineMs } = options;
    await bucket.take({ ...(signal && { signal }), ...(deadlineMs !== undefined && { deadlineMs }) });
    return next(request, options);
  };
}
