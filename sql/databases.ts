/** A database of the system. The folder `sql/<name>` holds its migrations, its queries and its dumped schema. */
export interface Database {
  /** The folder into which typed functions are generated from its queries. */
  readonly functions: string;
  /** A table that its first migration creates. A database without it is not this one, or has not been migrated yet. */
  readonly table: string;
}

/** Every database. A service's database has the name of the service, and `log` is the event log on PostgreSQL. */
export const DATABASES = {
  cart: { functions: 'cart/src/gen', table: 'checkouts' },
  loms: { functions: 'loms/src/gen', table: 'order_events' },
  notifier: { functions: 'notifier/src/gen', table: 'notifications' },
  log: { functions: 'platform/src/events/postgres/gen', table: 'records' },
} as const satisfies Readonly<Record<string, Database>>;

export type DatabaseName = keyof typeof DATABASES;

export const DATABASE_NAMES = Object.keys(DATABASES) as readonly DatabaseName[];

/** The schemes that the URL of a PostgreSQL database may have. */
export const POSTGRES_SCHEMES = ['postgres', 'postgresql'];

/** The start of the URL of an event log on Kafka: `kafka://host:port,host:port`. */
export const KAFKA_SCHEME = 'kafka://';

/** Returns the brokers that the URL of an event log on Kafka lists; undefined for any other URL. */
export function toBrokers(url: string): string | undefined {
  return url.startsWith(KAFKA_SCHEME) ? url.slice(KAFKA_SCHEME.length) : undefined;
}

/** Returns the name of the variable that holds the URL of a database: `CART_DATABASE_URL`. */
export function toUrlVariable(name: DatabaseName): string {
  return `${name.toUpperCase()}_DATABASE_URL`;
}

/** Returns an object that has the result of `toValue` under the name of each database. */
export function forEachDatabase<T>(toValue: (name: DatabaseName) => T): Record<DatabaseName, T> {
  return Object.fromEntries(DATABASE_NAMES.map((name) => [name, toValue(name)])) as Record<DatabaseName, T>;
}
