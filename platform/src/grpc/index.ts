export * from './client.ts';
export * from './client-deadline.ts';
export * from './handler.ts';
export * from './idempotency-key.ts';
export * from './rpc-error.ts';
export * from './server.ts';
