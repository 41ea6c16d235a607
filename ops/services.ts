import { readCartConfig } from '@tally/cart/config';
import { readLomsConfig } from '@tally/loms/config';
import { readNotifierConfig } from '@tally/notifier/config';
import type { ConfigReader, Environment } from '@tally/platform/config';
import { DATABASE_NAMES, type DatabaseName } from '@tally/sql/databases';

import { readProductConfig } from './product/config.ts';

/* This is the list of services. The launcher, smoke, the checks of compose.yaml and the tests read it. */

/** A service, or the stand-in for the product service. The names of its variables and processes begin with its name. */
interface Service {
  /** Path of its program in the checkout. */
  readonly main: string;
  /** Reads the whole configuration of its program. The code that uses this list needs only the ports. */
  readonly readConfig: (reader: ConfigReader) => ListeningPorts;
  /** Default ports of the first instance. `GET /readyz` on the port that is not `GRPC` says whether it is ready. */
  readonly ports: Readonly<Partial<Record<PortKind, number>>>;
  /** Its own database, whose URL its program reads from `<NAME>_DATABASE_URL`. */
  readonly database?: DatabaseName;
  /** Whether it can run in several instances at once. */
  readonly hasInstances: boolean;
  /**
   * Returns the variables that tell its program about the rest of the system. Those of its ports and its database are
   * set by the launcher.
   */
  readonly env: (system: SystemAddresses, instance: string) => Readonly<Record<string, string | undefined>>;
  /** Returns what `just smoke` asks it. */
  readonly smoke: (productToken: string) => SmokeChecks;
}

/** The kind of a port, as it stands in the name of its variable: `CART_GRPC_PORT`. */
export type PortKind = 'GRPC' | 'ADMIN' | 'HTTP';

/** The part of a program's configuration that says where it listens. */
export interface ListeningPorts {
  readonly host?: string;
  readonly grpcPort?: number;
  readonly adminPort?: number;
  readonly httpPort?: number;
}

/** What `Service.env` can tell a program about the rest of the system. */
export interface SystemAddresses {
  /** Number of instances of each service. */
  readonly instances: number;
  /** Variables that name the event log. */
  readonly log: Readonly<Record<string, string>>;
  /** URL of the Redis that holds the limit of product calls; undefined if there is none. */
  readonly limiterUrl: string | undefined;
  /** URLs of the Redis shards of the cache. */
  readonly cacheUrls: readonly string[];
  /** Environment of the command that starts the system. Its user may set addresses and the token there. */
  readonly userEnv: Environment;
  /** Returns the gRPC addresses of all instances of a service, separated by commas. */
  readonly addressesOf: (service: ServiceName) => string;
}

/** What `just smoke` asks a service from outside, and what it must answer. None of the calls changes anything. */
export interface SmokeChecks {
  /** Name of the gRPC service, which reflection must list. */
  readonly service: string;
  /** Paths that answer 200 on the port that is not gRPC. */
  readonly paths: readonly string[];
  readonly calls: readonly CallCheck[];
}

export interface CallCheck {
  /** What is checked, for the report. */
  readonly what: string;
  /** Full name of the rpc, such as `loms.Loms/StockInfo`. */
  readonly method: string;
  readonly request: unknown;
  /** `OK` or the name of a status code. */
  readonly code: string;
  /** Texts that the answer must contain. */
  readonly words: readonly string[];
}

export type ServiceName = 'product' | 'loms' | 'notifier' | 'cart';

const ADMIN_PATHS = ['/healthz', '/readyz', '/metrics'];
// No shopper and no order has this id.
const LARGEST_ID = '9223372036854775807';
const INSTANCE_PORT_DISTANCE = 100;

/** The services in the order of their start: each stands after those that it calls. */
export const SERVICES: Readonly<Record<ServiceName, Service>> = {
  product: {
    main: 'ops/product/main.ts',
    readConfig: readProductConfig,
    ports: { GRPC: 8082, HTTP: 8080 },
    hasInstances: false,
    env: ({ userEnv }) => ({ PRODUCT_TOKEN: readToken(userEnv) }),
    smoke: (productToken) => ({
      service: 'route256.product.ProductService',
      paths: ['/readyz', '/'],
      calls: [
        call('lists skus', 'route256.product.ProductService/ListSkus', { token: productToken, count: 3 }, ['skus']),
        refusal('a wrong token', 'route256.product.ProductService/ListSkus', { token: 'wrong' }, 'UNAUTHENTICATED'),
      ],
    }),
  },
  loms: {
    main: 'loms/src/main.ts',
    readConfig: readLomsConfig,
    ports: { GRPC: 9083, ADMIN: 9081 },
    database: 'loms',
    hasInstances: true,
    env: ({ log, instances }, instance) => ({ ...log, LOMS_INSTANCE: instances === 1 ? undefined : instance }),
    smoke: () => ({
      service: 'loms.Loms',
      paths: ADMIN_PATHS,
      calls: [
        call('tells a stock', 'loms.Loms/StockInfo', { sku: 1148162 }, ['count']),
        refusal('an unknown order', 'loms.Loms/OrderInfo', { orderId: LARGEST_ID }, 'NOT_FOUND'),
      ],
    }),
  },
  notifier: {
    main: 'notifier/src/main.ts',
    readConfig: readNotifierConfig,
    ports: { GRPC: 10083, ADMIN: 10081 },
    database: 'notifier',
    hasInstances: true,
    env: ({ log, instances }, instance) => ({ ...log, NOTIFIER_INSTANCE: instances === 1 ? undefined : instance }),
    smoke: () => ({
      service: 'notifier.Notifier',
      paths: ADMIN_PATHS,
      calls: [
        call('lists notifications', 'notifier.Notifier/List', { orderId: LARGEST_ID }, []),
        refusal('order 0', 'notifier.Notifier/List', { orderId: '0' }, 'INVALID_ARGUMENT'),
      ],
    }),
  },
  cart: {
    main: 'cart/src/main.ts',
    readConfig: readCartConfig,
    ports: { GRPC: 8083, ADMIN: 8081 },
    database: 'cart',
    hasInstances: true,
    env: ({ userEnv, addressesOf, instances, limiterUrl, cacheUrls }) => ({
      LOMS_ADDRESS: userEnv['LOMS_ADDRESS'] ?? addressesOf('loms'),
      PRODUCT_ADDRESS: userEnv['PRODUCT_ADDRESS'] ?? addressesOf('product'),
      PRODUCT_TOKEN: readToken(userEnv),
      CART_INSTANCES: instances === 1 ? undefined : String(instances),
      LIMITER_REDIS_URL: userEnv['LIMITER_REDIS_URL'] ?? limiterUrl,
      CACHE_REDIS_URLS: userEnv['CACHE_REDIS_URLS'] ?? cacheUrls.join(','),
    }),
    smoke: () => ({
      service: 'cart.Cart',
      paths: ADMIN_PATHS,
      calls: [
        call('lists a cart', 'cart.Cart/List', { user: LARGEST_ID }, []),
        refusal('an empty cart', 'cart.Cart/Checkout', { user: LARGEST_ID }, 'FAILED_PRECONDITION'),
      ],
    }),
  },
};

export const SERVICE_NAMES = Object.keys(SERVICES) as readonly ServiceName[];

/** The databases that belong to a service: all but the event log. */
export const SERVICE_DATABASES: readonly DatabaseName[] = DATABASE_NAMES.filter((name) =>
  Object.values(SERVICES).some(({ database }) => database === name),
);

/**
 * Returns the default ports of an instance, and the variable that sets each: `LOMS_GRPC_PORT` for the first instance,
 * `LOMS_2_GRPC_PORT` for the second.
 */
export function listPorts(name: ServiceName, instance = 1): { kind: PortKind; variable: string; port: number }[] {
  const ports = Object.entries(SERVICES[name].ports) as [PortKind, number][];
  return ports.map(([kind, port]) => ({
    kind,
    variable: [name.toUpperCase(), ...(instance === 1 ? [] : [instance]), kind, 'PORT'].join('_'),
    port: port + (instance - 1) * INSTANCE_PORT_DISTANCE,
  }));
}

function readToken(userEnv: Environment): string {
  return userEnv['PRODUCT_TOKEN'] ?? 'testtoken';
}

function call(what: string, method: string, request: unknown, words: readonly string[]): CallCheck {
  return { what, method, request, code: 'OK', words };
}

function refusal(what: string, method: string, request: unknown, code: string): CallCheck {
  return { what: `refuses ${what}`, method, request, code, words: [] };
}
