/** A database of the system. `sql/<name>` holds its migrations, its queries and its dumped schema. */
export interface Database {
  /** Folder of the typed functions that are generated from its queries. */
  readonly functions: string;
  /** A table that its first migration creates. Without it, this is not the database, or its migrations did not run. */
  readonly table: string;
}

/** The home of the list of databases. A service's own database has the name of the service; `log` is the event log. */
export const DATABASES = {
  cart: { functions: 'cart/src/gen', table: 'checkouts' },
  loms: { functions: 'loms/src/gen', table: 'order_events' },
  notifier: { functions: 'notifier/src/gen', table: 'notifications' },
  log: { functions: 'platform/src/events/postgres/gen', table: 'records' },
} as const satisfies Readonly<Record<string, Database>>;

export type DatabaseName = keyof typeof DATABASES;

export const DATABASE_NAMES = Object.keys(DATABASES) as readonly DatabaseName[];

/** Schemes that a PostgreSQL URL may have. */
export const POSTGRES_SCHEMES = ['postgres', 'postgresql'];

/** Begins the URL of an event log on Kafka: `kafka://host:port,host:port`. */
export const KAFKA_SCHEME = 'kafka://';

/** Returns the variable that holds the database's URL: `CART_DATABASE_URL`. */
export function toUrlVariable(name: DatabaseName): string {
  return `${name.toUpperCase()}_DATABASE_URL`;
}

/** Returns a value for each database by name. */
export function forEachDatabase<T>(toValue: (name: DatabaseName) => T): Record<DatabaseName, T> {
  return Object.fromEntries(DATABASE_NAMES.map((name) => [name, toValue(name)])) as Record<DatabaseName, T>;
}
