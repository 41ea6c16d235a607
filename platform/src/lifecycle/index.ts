export * from './admin.ts';
export * from './main.ts';
export * from './service.ts';
