/** A call and what it must answer. */
export interface CallCheck {
  readonly what: string;
  readonly method: string;
  readonly request: unknown;
  /** `OK`, or the status code of the refusal. */
  readonly code: string;
  /** Texts that the answer must contain. */
  readonly words: readonly string[];
}

export interface ServiceChecks {
  readonly name: string;
  /** Full name of the gRPC service, as reflection lists it. */
  readonly service: string;
  /** Names of the variables that hold its ports. */
  readonly grpcPort: string;
  readonly httpPort: string;
  /** Paths that the HTTP port must answer with 200. */
  readonly paths: readonly string[];
  readonly calls: readonly CallCheck[];
}

const ADMIN_PATHS = ['/healthz', '/readyz', '/metrics'];
// No shopper and no order has this id.
const LARGEST = '9223372036854775807';

/** Lists one call and one refusal for each service. None of them changes anything. */
export function listChecks(productToken: string): readonly ServiceChecks[] {
  return [
    {
      name: 'product',
      service: 'route256.product.ProductService',
      grpcPort: 'PRODUCT_GRPC_PORT',
      httpPort: 'PRODUCT_HTTP_PORT',
      paths: ['/readyz', '/'],
      calls: [
        call('lists skus', 'route256.product.ProductService/ListSkus', { token: productToken, count: 3 }, ['skus']),
        refusal('a wrong token', 'route256.product.ProductService/ListSkus', { token: 'wrong' }, 'UNAUTHENTICATED'),
      ],
    },
    {
      name: 'loms',
      service: 'loms.Loms',
      grpcPort: 'LOMS_GRPC_PORT',
      httpPort: 'LOMS_ADMIN_PORT',
      paths: ADMIN_PATHS,
      calls: [
        call('tells a stock', 'loms.Loms/StockInfo', { sku: 1148162 }, ['count']),
        refusal('an unknown order', 'loms.Loms/OrderInfo', { orderId: LARGEST }, 'NOT_FOUND'),
      ],
    },
    {
      name: 'notifier',
      service: 'notifier.Notifier',
      grpcPort: 'NOTIFIER_GRPC_PORT',
      httpPort: 'NOTIFIER_ADMIN_PORT',
      paths: ADMIN_PATHS,
      calls: [
        call('lists notifications', 'notifier.Notifier/List', { orderId: LARGEST }, []),
        refusal('order 0', 'notifier.Notifier/List', { orderId: '0' }, 'INVALID_ARGUMENT'),
      ],
    },
    {
      name: 'cart',
      service: 'cart.Cart',
      grpcPort: 'CART_GRPC_PORT',
      httpPort: 'CART_ADMIN_PORT',
      paths: ADMIN_PATHS,
      calls: [
        call('lists a cart', 'cart.Cart/List', { user: LARGEST }, []),
        refusal('an empty cart', 'cart.Cart/Checkout', { user: LARGEST }, 'FAILED_PRECONDITION'),
      ],
    },
  ];
}

const call = (what: string, method: string, request: unknown, words: readonly string[]): CallCheck => ({
  what,
  method,
  request,
  code: 'OK',
  words,
});

const refusal = (what: string, method: string, request: unknown, code: string): CallCheck => ({
  what: `refuses ${what}`,
  method,
  request,
  code,
  words: [],
});
