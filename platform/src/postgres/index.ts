export * from './embedded.ts';
export * from './failure.ts';
export * from './lease.ts';
export * from './migrate.ts';
export * from './pool.ts';
