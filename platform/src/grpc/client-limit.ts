import type { TokenBucket } from '../concurrency/index.ts';
import type { ClientInterceptor } from './client.ts';

/** Every call first waits for its turn at the bucket. A LimitError means that nothing was sent. */
export function limit(bucket: TokenBucket): ClientInterceptor {
  return (next) => async (request, options) => {
    const { signal, deadlineMs } = options;
    await bucket.take({ ...(signal && { signal }), ...(deadlineMs !== undefined && { deadlineMs }) });
    return next(request, options);
  };
}
