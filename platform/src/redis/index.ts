export * from './client.ts';
export * from './rendezvous.ts';
export * from './sharded-cache.ts';
export * from './token-bucket-redis.ts';
