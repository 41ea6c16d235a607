export * from './clock.ts';
export * from './every.ts';
