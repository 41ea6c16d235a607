export * from './failure.ts';
export * from './lease.ts';
export * from './pool.ts';
