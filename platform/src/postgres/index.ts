export * from './admin.ts';
export * from './failure.ts';
export * from './lease.ts';
export * from './migrate.ts';
export * from './pool.ts';
