export * from './database.ts';
export * from './fake-clock.ts';
export * from './wait-until.ts';
export * from './rpc.ts';
export * from './proxy.ts';
export * from './kafka.ts';
export * from './redis.ts';
export * from './ports.ts';
