/** Types generated for queries found in "sql/loms/queries/expiry.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

/** 'FindDueOrders' parameters type */
export interface IFindDueOrdersParams {
  limit: number;
}

/** 'FindDueOrders' return type */
export interface IFindDueOrdersResult {
  id: bigint;
}

/** 'FindDueOrders' query type */
export interface IFindDueOrdersQuery {
  params: IFindDueOrdersParams;
  result: IFindDueOrdersResult;
}

const findDueOrdersIR: any = {"usedParamSet":{"limit":true},"params":[{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":247,"b":253}]}],"statement":"-- In a sub-select, tally_now() is called once for the statement, so the scan can use the index orders_due.\nselect o.id\n  from orders o\n where o.status = 'awaiting payment'\n   and o.pay_before <= (select tally_now())\n order by o.pay_before\n limit :limit!::integer"};

/**
 * Query generated from SQL:
 * ```
 * -- In a sub-select, tally_now() is called once for the statement, so the scan can use the index orders_due.
 * select o.id
 *   from orders o
 *  where o.status = 'awaiting payment'
 *    and o.pay_before <= (select tally_now())
 *  order by o.pay_before
 *  limit :limit!::integer
 * ```
 */
export const findDueOrders = new PreparedQuery<IFindDueOrdersParams,IFindDueOrdersResult>(findDueOrdersIR);


/** 'DeleteOldKeys' parameters type */
export interface IDeleteOldKeysParams {
  limit: number;
  maxAgeSeconds: number;
}

/** 'DeleteOldKeys' return type */
export type IDeleteOldKeysResult = void;

/** 'DeleteOldKeys' query type */
export interface IDeleteOldKeysQuery {
  params: IDeleteOldKeysParams;
  result: IDeleteOldKeysResult;
}

const deleteOldKeysIR: any = {"usedParamSet":{"maxAgeSeconds":true,"limit":true},"params":[{"name":"maxAgeSeconds","required":true,"transform":{"type":"scalar"},"locs":[{"a":290,"b":304}]},{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":370,"b":376}]}],"statement":"-- Each of two sweeps skips the rows that the other one has locked, so neither waits for the other.\ndelete from order_keys\n where (user_id, key) in (select k.user_id, k.key\n                            from order_keys k\n                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'\n                           limit :limit!::integer\n                             for update skip locked)"};

/**
 * Query generated from SQL:
 * ```
 * -- Each of two sweeps skips the rows that the other one has locked, so neither waits for the other.
 * delete from order_keys
 *  where (user_id, key) in (select k.user_id, k.key
 *                             from order_keys k
 *                            where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
 *                            limit :limit!::integer
 *                              for update skip locked)
 * ```
 */
export const deleteOldKeys = new PreparedQuery<IDeleteOldKeysParams,IDeleteOldKeysResult>(deleteOldKeysIR);


