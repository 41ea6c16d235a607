export * from './kafka.ts';
export * from './kafka-programs.ts';
export * from './postgres.ts';
export { type DebianProgram, type Program, fetchProgram, findProgram } from './programs/debian.ts';
export {
  type ProcessStat,
  type StartedProcess,
  freePort,
  hasEnded,
  isAlive,
  listChildren,
  listPids,
  readCommand,
  readProc,
  readStat,
} from './programs/process.ts';
export * from './redis.ts';
