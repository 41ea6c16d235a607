export * from './order-event.ts';
export * from './order-status.ts';
