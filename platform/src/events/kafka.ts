// Apart from the rest, and loaded where Kafka is the log: the client costs half a second at the start of a process.
export * from './log-kafka.ts';
export type { Bounds, FetchedEvent } from './fetcher-kafka.ts';
export * from './reader-kafka.ts';
