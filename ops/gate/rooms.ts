import type { Rooms } from './structure.ts';

/** The rooms of the services that have any. The notifier is flat. docs/architecture.md draws them. */
export const ROOMS: Rooms = {};
