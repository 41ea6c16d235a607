/** Types generated for queries found in "sql/cart/queries/key-expiry.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

/** 'DeleteOldAddKeys' parameters type */
export interface IDeleteOldAddKeysParams {
  limit: number;
  maxAgeSeconds: number;
}

/** 'DeleteOldAddKeys' return type */
export type IDeleteOldAddKeysResult = void;

/** 'DeleteOldAddKeys' query type */
export interface IDeleteOldAddKeysQuery {
  params: IDeleteOldAddKeysParams;
  result: IDeleteOldAddKeysResult;
}

const deleteOldAddKeysIR: any = {"usedParamSet":{"maxAgeSeconds":true,"limit":true},"params":[{"name":"maxAgeSeconds","required":true,"transform":{"type":"scalar"},"locs":[{"a":186,"b":200}]},{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":266,"b":272}]}],"statement":"delete from add_keys\n where (user_id, key) in (select k.user_id, k.key\n                            from add_keys k\n                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'\n                           limit :limit!::integer\n                             for update skip locked)"};

/**
 * Query generated from SQL:
 * ```
 * delete from add_keys
 *  where (user_id, key) in (select k.user_id, k.key
 *                             from add_keys k
 *                            where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
 *                            limit :limit!::integer
 *                              for update skip locked)
 * ```
 */
export const deleteOldAddKeys = new PreparedQuery<IDeleteOldAddKeysParams,IDeleteOldAddKeysResult>(deleteOldAddKeysIR);


/** 'DeleteOldCheckoutKeys' parameters type */
export interface IDeleteOldCheckoutKeysParams {
  limit: number;
  maxAgeSeconds: number;
}

/** 'DeleteOldCheckoutKeys' return type */
export type IDeleteOldCheckoutKeysResult = void;

/** 'DeleteOldCheckoutKeys' query type */
export interface IDeleteOldCheckoutKeysQuery {
  params: IDeleteOldCheckoutKeysParams;
  result: IDeleteOldCheckoutKeysResult;
}

const deleteOldCheckoutKeysIR: any = {"usedParamSet":{"maxAgeSeconds":true,"limit":true},"params":[{"name":"maxAgeSeconds","required":true,"transform":{"type":"scalar"},"locs":[{"a":196,"b":210}]},{"name":"limit","required":true,"transform":{"type":"scalar"},"locs":[{"a":276,"b":282}]}],"statement":"delete from checkout_keys\n where (user_id, key) in (select k.user_id, k.key\n                            from checkout_keys k\n                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'\n                           limit :limit!::integer\n                             for update skip locked)"};

/**
 * Query generated from SQL:
 * ```
 * delete from checkout_keys
 *  where (user_id, key) in (select k.user_id, k.key
 *                             from checkout_keys k
 *                            where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
 *                            limit :limit!::integer
 *                              for update skip locked)
 * ```
 */
export const deleteOldCheckoutKeys = new PreparedQuery<IDeleteOldCheckoutKeysParams,IDeleteOldCheckoutKeysResult>(deleteOldCheckoutKeysIR);


