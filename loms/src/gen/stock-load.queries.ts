/** Types generated for queries found in "sql/loms/queries/stock-load.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type movement_kind = 'adjust' | 'receipt' | 'release' | 'reserve' | 'ship';

export type bigintArray = (bigint)[];

export type movement_kindArray = (movement_kind)[];

/** 'AddStocks' parameters type */
export interface IAddStocksParams {
  skus: bigintArray;
}

/** 'AddStocks' return type */
export interface IAddStocksResult {
  sku: bigint;
}

/** 'AddStocks' query type */
export interface IAddStocksQuery {
  params: IAddStocksParams;
  result: IAddStocksResult;
}

const addStocksIR: any = {"usedParamSet":{"skus":true},"params":[{"name":"skus","required":true,"transform":{"type":"scalar"},"locs":[{"a":257,"b":262}]}],"statement":"-- Adds the skus that have no stock yet, with counters of 0. They are inserted in ascending order, so two loads of the\n-- same skus wait for each other and do not deadlock.\ninsert into stocks (sku, total, held, reserved)\nselect n.sku, 0, 0, 0\n  from unnest(:skus!::bigint[]) as n (sku)\n order by n.sku\n    on conflict (sku) do nothing\nreturning sku"};

/**
 * Query generated from SQL:
 * ```
 * -- Adds the skus that have no stock yet, with counters of 0. They are inserted in ascending order, so two loads of the
 * -- same skus wait for each other and do not deadlock.
 * insert into stocks (sku, total, held, reserved)
 * select n.sku, 0, 0, 0
 *   from unnest(:skus!::bigint[]) as n (sku)
 *  order by n.sku
 *     on conflict (sku) do nothing
 * returning sku
 * ```
 */
export const addStocks = new PreparedQuery<IAddStocksParams,IAddStocksResult>(addStocksIR);


/** 'MoveStocks' parameters type */
export interface IMoveStocksParams {
  heldDeltas: bigintArray;
  kinds: movement_kindArray;
  skus: bigintArray;
  totalDeltas: bigintArray;
}

/** 'MoveStocks' return type */
export type IMoveStocksResult = void;

/** 'MoveStocks' query type */
export interface IMoveStocksQuery {
  params: IMoveStocksParams;
  result: IMoveStocksResult;
}

const moveStocksIR: any = {"usedParamSet":{"skus":true,"kinds":true,"totalDeltas":true,"heldDeltas":true},"params":[{"name":"skus","required":true,"transform":{"type":"scalar"},"locs":[{"a":219,"b":224},{"a":461,"b":466}]},{"name":"kinds","required":true,"transform":{"type":"scalar"},"locs":[{"a":237,"b":243}]},{"name":"totalDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":263,"b":275},{"a":479,"b":491}]},{"name":"heldDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":288,"b":299},{"a":504,"b":515}]}],"statement":"with movement as (\n  insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)\n  select m.sku, null, m.kind, m.total_delta, 0, m.held_delta, (select tally_now())\n    from unnest(:skus!::bigint[], :kinds!::movement_kind[], :totalDeltas!::bigint[], :heldDeltas!::bigint[])\n      as m (sku, kind, total_delta, held_delta)\n)\nupdate stocks s\n   set total = s.total + m.total_delta, held = s.held + m.held_delta\n  from unnest(:skus!::bigint[], :totalDeltas!::bigint[], :heldDeltas!::bigint[]) as m (sku, total_delta, held_delta)\n where s.sku = m.sku"};

/**
 * Query generated from SQL:
 * ```
 * with movement as (
 *   insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
 *   select m.sku, null, m.kind, m.total_delta, 0, m.held_delta, (select tally_now())
 *     from unnest(:skus!::bigint[], :kinds!::movement_kind[], :totalDeltas!::bigint[], :heldDeltas!::bigint[])
 *       as m (sku, kind, total_delta, held_delta)
 * )
 * update stocks s
 *    set total = s.total + m.total_delta, held = s.held + m.held_delta
 *   from unnest(:skus!::bigint[], :totalDeltas!::bigint[], :heldDeltas!::bigint[]) as m (sku, total_delta, held_delta)
 *  where s.sku = m.sku
 * ```
 */
export const moveStocks = new PreparedQuery<IMoveStocksParams,IMoveStocksResult>(moveStocksIR);


/** 'HasStocks' parameters type */
export type IHasStocksParams = void;

/** 'HasStocks' return type */
export interface IHasStocksResult {
  hasStocks: boolean;
}

/** 'HasStocks' query type */
export interface IHasStocksQuery {
  params: IHasStocksParams;
  result: IHasStocksResult;
}

const hasStocksIR: any = {"usedParamSet":{},"params":[],"statement":"select exists (select from stocks) as \"hasStocks!\""};

/**
 * Query generated from SQL:
 * ```
 * select exists (select from stocks) as "hasStocks!"
 * ```
 */
export const hasStocks = new PreparedQuery<IHasStocksParams,IHasStocksResult>(hasStocksIR);


