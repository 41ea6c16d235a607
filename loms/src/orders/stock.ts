/** Counters of one sku, in units. */
export interface Stock {
  readonly total: bigint;
  /** Reserved outside this system; may exceed the total. */
  readonly held: bigint;
  /** Reserved by orders awaiting payment. */
  readonly reserved: bigint;
}

export type MovementKind = 'reserve' | 'release' | 'ship';

/** A line of the ledger that an order wrote. The counters are the sums of all deltas. */
export interface Movement {
  readonly sku: number;
  readonly orderId: bigint;
  readonly kind: MovementKind;
  readonly total: bigint;
  readonly reserved: bigint;
}

/** What an order may still take. */
export function available({ total, held, reserved }: Stock): bigint {
  const left = total - held - reserved;
  return left > 0n ? left : 0n;
}

/** What an order's line does to the stock, as data: the sign of its count in each counter. */
const EFFECTS = {
  reserve: { total: 0n, reserved: 1n },
  release: { total: 0n, reserved: -1n },
  ship: { total: -1n, reserved: -1n },
} as const satisfies Record<MovementKind, { total: bigint; reserved: bigint }>;

export function moveLine(
  kind: MovementKind,
  orderId: bigint,
  { sku, count }: { readonly sku: number; readonly count: number },
): Movement {
  const units = BigInt(count);
  const effect = EFFECTS[kind];
  return { sku, orderId, kind, total: effect.total * units, reserved: effect.reserved * units };
}

/** The counters behind a movement. Movements that break a counter's bounds are a bug of ours. */
export function applyMovement(stock: Stock, movement: Movement): Stock {
  const moved = {
    total: stock.total + movement.total,
    held: stock.held,
    reserved: stock.reserved + movement.reserved,
  };
  if (moved.total < 0n || moved.reserved < 0n || moved.reserved > moved.total) {
    throw new Error(`${movement.kind} of sku ${movement.sku} would break its counters`);
  }
  return moved;
}
