// A separate entry point, imported only where Kafka is the log: loading the client takes half a second.
export { type KafkaLogDeps, openKafkaLog } from './log.ts';
export type { FetchedEvent, OffsetRange } from './topic-client.ts';
export { type TopicReader, openTopicReader } from './topic-reader.ts';
