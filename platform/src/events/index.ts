export * from './log-memory.ts';
export * from './log-postgres.ts';
export * from './open-log.ts';
export * from './partitioner.ts';
export * from './port.ts';
