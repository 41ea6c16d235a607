/** What a service must answer a stranger: `expected` is OK or a status code, and words that its answer has. */
export interface CallCheck {
  readonly what: string;
  readonly method: string;
  readonly request: unknown;
  readonly code: string;
  readonly words: readonly string[];
}

export interface ServiceChecks {
  readonly name: string;
  /** As reflection lists it. */
  readonly service: string;
  /** Variables that name its ports. */
  readonly grpcPort: string;
  readonly httpPort: string;
  /** Answered with 200 on the HTTP port. */
  readonly paths: readonly string[];
  readonly calls: readonly CallCheck[];
}

const ADMIN_PATHS = ['/healthz', '/readyz', '/metrics'];
// Nobody is this shopper, and no order has this id.
const LARGEST = '9223372036854775807';

/** A call and a refusal of each service, which change nothing. */
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
