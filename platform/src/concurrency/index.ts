export * from './clock.ts';
export * from './every.ts';
export * from './random.ts';
export * from './retry.ts';
export * from './single-flight.ts';
export * from './token-bucket.ts';
export * from './ttl-cache.ts';
export * from './worker-pool.ts';
