/** Types generated for queries found in "sql/loms/queries/reads.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type order_status = 'awaiting payment' | 'cancelled' | 'failed' | 'new' | 'payed';

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'FindOrder' parameters type */
export interface IFindOrderParams {
  id: bigint;
}

/** 'FindOrder' return type */
export interface IFindOrderResult {
  counts: numberArray;
  names: stringArray;
  prices: bigintArray;
  skus: bigintArray;
  status: order_status;
  user_id: bigint;
}

/** 'FindOrder' query type */
export interface IFindOrderQuery {
  params: IFindOrderParams;
  result: IFindOrderResult;
}

const findOrderIR: any = {"usedParamSet":{"id":true},"params":[{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":458,"b":461}]}],"statement":"select o.user_id, o.status,\n       array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as \"skus!\",\n       array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as \"counts!\",\n       array(select l.name  from order_lines l where l.order_id = o.id order by l.sku) as \"names!\",\n       array(select l.price from order_lines l where l.order_id = o.id order by l.sku) as \"prices!\"\n  from orders o\n where o.id = :id!"};

/**
 * Query generated from SQL:
 * ```
 * select o.user_id, o.status,
 *        array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as "skus!",
 *        array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as "counts!",
 *        array(select l.name  from order_lines l where l.order_id = o.id order by l.sku) as "names!",
 *        array(select l.price from order_lines l where l.order_id = o.id order by l.sku) as "prices!"
 *   from orders o
 *  where o.id = :id!
 * ```
 */
export const findOrder = new PreparedQuery<IFindOrderParams,IFindOrderResult>(findOrderIR);


/** 'FindStock' parameters type */
export interface IFindStockParams {
  sku: bigint;
}

/** 'FindStock' return type */
export interface IFindStockResult {
  held: bigint;
  reserved: bigint;
  total: bigint;
}

/** 'FindStock' query type */
export interface IFindStockQuery {
  params: IFindStockParams;
  result: IFindStockResult;
}

const findStockIR: any = {"usedParamSet":{"sku":true},"params":[{"name":"sku","required":true,"transform":{"type":"scalar"},"locs":[{"a":66,"b":70}]}],"statement":"select s.total, s.held, s.reserved\n  from stocks s\n where s.sku = :sku!"};

/**
 * Query generated from SQL:
 * ```
 * select s.total, s.held, s.reserved
 *   from stocks s
 *  where s.sku = :sku!
 * ```
 */
export const findStock = new PreparedQuery<IFindStockParams,IFindStockResult>(findStockIR);


