export * from './debian.ts';
export * from './process.ts';
