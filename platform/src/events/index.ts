export { type EventLogConfig, readEventLogConfig } from './config.ts';
export * from './memory.ts';
export * from './open.ts';
export * from './port.ts';
export * from './postgres/log.ts';
export type { Topic } from './topics.ts';
