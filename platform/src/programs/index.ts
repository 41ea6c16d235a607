export * from './debian.ts';
