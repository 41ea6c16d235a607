export * from './kafka.ts';
export * from './postgres.ts';
export * from './programs/debian.ts';
export * from './programs/process.ts';
export * from './redis-programs.ts';
export * from './redis.ts';
