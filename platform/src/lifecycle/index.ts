export * from './main.ts';
export * from './service-config.ts';
export * from './service.ts';
