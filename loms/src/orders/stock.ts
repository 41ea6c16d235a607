/** The counters of one sku, in units. */
export interface Stock {
  readonly total: bigint;
  /** Units reserved outside this system. May exceed the total. */
  readonly held: bigint;
  /** Units reserved by orders that await payment. */
  readonly reserved: bigint;
}

/** What a movement adds to each counter of the sku for every unit of the order's line. */
const EFFECTS = {
  reserve: { total: 0n, reserved: 1n },
  release: { total: 0n, reserved: -1n },
  ship: { total: -1n, reserved: -1n },
} as const satisfies Record<string, { total: bigint; reserved: bigint }>;

export type MovementKind = keyof typeof EFFECTS;

/** An entry of the stock ledger that an order wrote. The counters are the sums of all entries. */
export interface Movement {
  readonly sku: number;
  readonly orderId: bigint;
  readonly kind: MovementKind;
  readonly total: bigint;
  readonly reserved: bigint;
}

/** Returns the units that can be ordered, which is 0 when more is held or reserved than there is. */
export function available({ total, held, reserved }: Stock): bigint {
  const left = total - held - reserved;
  return left > 0n ? left : 0n;
}

export function moveLine(
  kind: MovementKind,
  orderId: bigint,
  { sku, count }: { readonly sku: number; readonly count: number },
): Movement {
  const units = BigInt(count);
  const effect = EFFECTS[kind];
  return { sku, orderId, kind, total: effect.total * units, reserved: effect.reserved * units };
}

/** Returns the counters after the movement. Throws when a counter leaves its bounds, which no decision allows. */
export function applyMovement(stock: Stock, movement: Movement): Stock {
  const moved = {
    total: stock.total + movement.total,
    held: stock.held,
    reserved: stock.reserved + movement.reserved,
  };
  if (moved.total < 0n || moved.reserved < 0n || moved.reserved > moved.total) {
    throw new Error(
      `order ${movement.orderId}: '${movement.kind}' of sku ${movement.sku} would make its counters impossible: ` +
        `total ${moved.total}, reserved ${moved.reserved}`,
    );
  }
  return moved;
}
