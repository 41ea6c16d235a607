/** Types generated for queries found in "sql/loms/queries/load.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type order_cause = 'checkout expired' | 'payment expired' | 'shopper' | 'shortage';

export type order_status = 'awaiting payment' | 'cancelled' | 'failed' | 'new' | 'payed';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'LockOrders' parameters type */
export interface ILockOrdersParams {
  ids: bigintArray;
}

/** 'LockOrders' return type */
export interface ILockOrdersResult {
  cause: order_cause | null;
  counts: numberArray;
  id: bigint;
  pay_before: Date;
  refusal: Json | null;
  request_id: string;
  skus: bigintArray;
  status: order_status;
  user_id: bigint;
  version: number;
}

/** 'LockOrders' query type */
export interface ILockOrdersQuery {
  params: ILockOrdersParams;
  result: ILockOrdersResult;
}

const lockOrdersIR: any = {"usedParamSet":{"ids":true},"params":[{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":326,"b":330}]}],"statement":"select o.id, o.user_id, o.status, o.cause, o.request_id, o.refusal, o.pay_before, o.version,\n       array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as \"skus!\",\n       array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as \"counts!\"\n  from orders o\n where o.id = any(:ids!::bigint[])\n order by o.id\n   for no key update of o"};

/**
 * Query generated from SQL:
 * ```
 * select o.id, o.user_id, o.status, o.cause, o.request_id, o.refusal, o.pay_before, o.version,
 *        array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as "skus!",
 *        array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as "counts!"
 *   from orders o
 *  where o.id = any(:ids!::bigint[])
 *  order by o.id
 *    for no key update of o
 * ```
 */
export const lockOrders = new PreparedQuery<ILockOrdersParams,ILockOrdersResult>(lockOrdersIR);


/** 'LockStocks' parameters type */
export interface ILockStocksParams {
  orderIds: bigintArray;
  skus: bigintArray;
}

/** 'LockStocks' return type */
export interface ILockStocksResult {
  held: bigint;
  reserved: bigint;
  sku: bigint;
  total: bigint;
}

/** 'LockStocks' query type */
export interface ILockStocksQuery {
  params: ILockStocksParams;
  result: ILockStocksResult;
}

const lockStocksIR: any = {"usedParamSet":{"skus":true,"orderIds":true},"params":[{"name":"skus","required":true,"transform":{"type":"scalar"},"locs":[{"a":259,"b":264}]},{"name":"orderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":389,"b":398}]}],"statement":"-- Locks the stocks of the given skus, and of the lines of the given orders. The array makes this an index scan. With OR\n-- instead, the query reads every stock.\nselect s.sku, s.total, s.held, s.reserved\n  from stocks s\n where s.sku = any(array(select unnest(:skus!::bigint[])\n                          union\n                         select l.sku from order_lines l where l.order_id = any(:orderIds!::bigint[])))\n order by s.sku\n   for no key update of s"};

/**
 * Query generated from SQL:
 * ```
 * -- Locks the stocks of the given skus, and of the lines of the given orders. The array makes this an index scan. With OR
 * -- instead, the query reads every stock.
 * select s.sku, s.total, s.held, s.reserved
 *   from stocks s
 *  where s.sku = any(array(select unnest(:skus!::bigint[])
 *                           union
 *                          select l.sku from order_lines l where l.order_id = any(:orderIds!::bigint[])))
 *  order by s.sku
 *    for no key update of s
 * ```
 */
export const lockStocks = new PreparedQuery<ILockStocksParams,ILockStocksResult>(lockStocksIR);


/** 'FindKeys' parameters type */
export interface IFindKeysParams {
  keys: stringArray;
  userIds: bigintArray;
}

/** 'FindKeys' return type */
export interface IFindKeysResult {
  key: string;
  order_id: bigint;
  request_hash: Buffer;
  user_id: bigint;
}

/** 'FindKeys' query type */
export interface IFindKeysQuery {
  params: IFindKeysParams;
  result: IFindKeysResult;
}

const findKeysIR: any = {"usedParamSet":{"userIds":true,"keys":true},"params":[{"name":"userIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":348,"b":356},{"a":490,"b":498}]},{"name":"keys","required":true,"transform":{"type":"scalar"},"locs":[{"a":369,"b":374}]}],"statement":"-- Runs after the locks were taken, in a statement of its own, so that it sees what other transactions committed while\n-- this one waited for its locks. The condition on user_id makes this an index scan even in a plan that was made while\n-- the table was empty.\nselect k.user_id, k.key, k.request_hash, k.order_id\n  from order_keys k\n  join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)\n    on k.user_id = wanted.user_id and k.key = wanted.key\n where k.user_id = any(:userIds!::bigint[])"};

/**
 * Query generated from SQL:
 * ```
 * -- Runs after the locks were taken, in a statement of its own, so that it sees what other transactions committed while
 * -- this one waited for its locks. The condition on user_id makes this an index scan even in a plan that was made while
 * -- the table was empty.
 * select k.user_id, k.key, k.request_hash, k.order_id
 *   from order_keys k
 *   join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)
 *     on k.user_id = wanted.user_id and k.key = wanted.key
 *  where k.user_id = any(:userIds!::bigint[])
 * ```
 */
export const findKeys = new PreparedQuery<IFindKeysParams,IFindKeysResult>(findKeysIR);


/** 'FindKnown' parameters type */
export interface IFindKnownParams {
  keys: stringArray;
  requestIds: stringArray;
  userIds: bigintArray;
}

/** 'FindKnown' return type */
export interface IFindKnownResult {
  cause: order_cause | null;
  counts: numberArray;
  id: bigint;
  pay_before: Date;
  refusal: Json | null;
  request_id: string;
  skus: bigintArray;
  status: order_status;
  user_id: bigint;
  version: number;
}

/** 'FindKnown' query type */
export interface IFindKnownQuery {
  params: IFindKnownParams;
  result: IFindKnownResult;
}

const findKnownIR: any = {"usedParamSet":{"userIds":true,"keys":true,"requestIds":true},"params":[{"name":"userIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":795,"b":803},{"a":985,"b":993}]},{"name":"keys","required":true,"transform":{"type":"scalar"},"locs":[{"a":816,"b":821}]},{"name":"requestIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1116,"b":1127}]}],"statement":"-- Finds orders by their request ids, and by the keys that findKeys looks up. Like findKeys, it runs after the locks\n-- were taken, so that it finds an order that was committed during the wait for them. An order that is committed even\n-- later makes applyChanges violate the constraint on request_id or the primary key of order_keys, and the batch is\n-- retried.\nselect o.id, o.user_id, o.status, o.cause, o.request_id, o.refusal, o.pay_before, o.version,\n       array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as \"skus!\",\n       array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as \"counts!\"\n  from orders o\n where o.id = any(array(select k.order_id\n                          from order_keys k\n                          join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)\n                            on k.user_id = wanted.user_id and k.key = wanted.key\n                         where k.user_id = any(:userIds!::bigint[])\n                         union all\n                        select r.id from orders r where r.request_id = any(:requestIds!::uuid[])))"};

/**
 * Query generated from SQL:
 * ```
 * -- Finds orders by their request ids, and by the keys that findKeys looks up. Like findKeys, it runs after the locks
 * -- were taken, so that it finds an order that was committed during the wait for them. An order that is committed even
 * -- later makes applyChanges violate the constraint on request_id or the primary key of order_keys, and the batch is
 * -- retried.
 * select o.id, o.user_id, o.status, o.cause, o.request_id, o.refusal, o.pay_before, o.version,
 *        array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as "skus!",
 *        array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as "counts!"
 *   from orders o
 *  where o.id = any(array(select k.order_id
 *                           from order_keys k
 *                           join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)
 *                             on k.user_id = wanted.user_id and k.key = wanted.key
 *                          where k.user_id = any(:userIds!::bigint[])
 *                          union all
 *                         select r.id from orders r where r.request_id = any(:requestIds!::uuid[])))
 * ```
 */
export const findKnown = new PreparedQuery<IFindKnownParams,IFindKnownResult>(findKnownIR);


/** 'DrawIds' parameters type */
export interface IDrawIdsParams {
  count: number;
}

/** 'DrawIds' return type */
export interface IDrawIdsResult {
  ids: bigintArray;
  moment: Date;
}

/** 'DrawIds' query type */
export interface IDrawIdsQuery {
  params: IDrawIdsParams;
  result: IDrawIdsResult;
}

const drawIdsIR: any = {"usedParamSet":{"count":true},"params":[{"name":"count","required":true,"transform":{"type":"scalar"},"locs":[{"a":196,"b":202}]}],"statement":"-- Runs last, so that the moment of a batch that waited for its locks is the time after the wait.\nselect tally_now() as \"moment!\",\n       array(select nextval('order_ids') from generate_series(1, :count!::integer)) as \"ids!\""};

/**
 * Query generated from SQL:
 * ```
 * -- Runs last, so that the moment of a batch that waited for its locks is the time after the wait.
 * select tally_now() as "moment!",
 *        array(select nextval('order_ids') from generate_series(1, :count!::integer)) as "ids!"
 * ```
 */
export const drawIds = new PreparedQuery<IDrawIdsParams,IDrawIdsResult>(drawIdsIR);


