export * from './client.ts';
export * from './client-deadline.ts';
export * from './client-detach.ts';
export * from './client-limit.ts';
export * from './handler.ts';
export * from './idempotency-key.ts';
export * from './rpc-error.ts';
export * from './server.ts';
