/** Types generated for queries found in "sql/cart/queries/load.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type checkout_state = 'done' | 'open' | 'refused';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'EnsureCart' parameters type */
export interface IEnsureCartParams {
  userId: bigint;
}

/** 'EnsureCart' return type */
export type IEnsureCartResult = void;

/** 'EnsureCart' query type */
export interface IEnsureCartQuery {
  params: IEnsureCartParams;
  result: IEnsureCartResult;
}

const ensureCartIR: any = {"usedParamSet":{"userId":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":36,"b":43}]}],"statement":"insert into carts (user_id) values (:userId!) on conflict do nothing"};

/**
 * Query generated from SQL:
 * ```
 * insert into carts (user_id) values (:userId!) on conflict do nothing
 * ```
 */
export const ensureCart = new PreparedQuery<IEnsureCartParams,IEnsureCartResult>(ensureCartIR);


/** 'LockCart' parameters type */
export interface ILockCartParams {
  userId: bigint;
}

/** 'LockCart' return type */
export interface ILockCartResult {
  user_id: bigint;
}

/** 'LockCart' query type */
export interface ILockCartQuery {
  params: ILockCartParams;
  result: ILockCartResult;
}

const lockCartIR: any = {"usedParamSet":{"userId":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":51,"b":58}]}],"statement":"select c.user_id\n  from carts c\n where c.user_id = :userId!\n   for no key update"};

/**
 * Query generated from SQL:
 * ```
 * select c.user_id
 *   from carts c
 *  where c.user_id = :userId!
 *    for no key update
 * ```
 */
export const lockCart = new PreparedQuery<ILockCartParams,ILockCartResult>(lockCartIR);


/** 'FindLines' parameters type */
export interface IFindLinesParams {
  userId: bigint;
}

/** 'FindLines' return type */
export interface IFindLinesResult {
  count: number;
  id: bigint;
  name: string;
  price: bigint;
  sku: bigint;
}

/** 'FindLines' query type */
export interface IFindLinesQuery {
  params: IFindLinesParams;
  result: IFindLinesResult;
}

const findLinesIR: any = {"usedParamSet":{"userId":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":84,"b":91}]}],"statement":"select i.id, i.sku, i.count, i.name, i.price\n  from cart_items i\n where i.user_id = :userId!\n order by i.sku"};

/**
 * Query generated from SQL:
 * ```
 * select i.id, i.sku, i.count, i.name, i.price
 *   from cart_items i
 *  where i.user_id = :userId!
 *  order by i.sku
 * ```
 */
export const findLines = new PreparedQuery<IFindLinesParams,IFindLinesResult>(findLinesIR);


/** 'FindCheckouts' parameters type */
export interface IFindCheckoutsParams {
  id?: string | null | void;
  key?: string | null | void;
  userId: bigint;
}

/** 'FindCheckouts' return type */
export interface IFindCheckoutsResult {
  closed_at: Date | null;
  counts: numberArray;
  decide_before: Date;
  id: string;
  is_keyed: boolean;
  line_ids: bigintArray;
  names: stringArray;
  order_id: bigint | null;
  prices: bigintArray;
  refusal: Json | null;
  skus: bigintArray;
  state: checkout_state;
}

/** 'FindCheckouts' query type */
export interface IFindCheckoutsQuery {
  params: IFindCheckoutsParams;
  result: IFindCheckoutsResult;
}

const findCheckoutsIR: any = {"usedParamSet":{"userId":true,"key":true,"id":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":445,"b":452},{"a":1077,"b":1084},{"a":1157,"b":1164},{"a":1306,"b":1313},{"a":1568,"b":1575}]},{"name":"key","required":false,"transform":{"type":"scalar"},"locs":[{"a":466,"b":469},{"a":1327,"b":1330}]},{"name":"id","required":false,"transform":{"type":"scalar"},"locs":[{"a":1398,"b":1400}]}],"statement":"-- Finds up to four checkouts: the open one, the one to which the key belongs, the one with the id, and the one that\n-- became done last. Their ids are put into an array first, because the planner then looks the checkouts up by index.\nselect c.id, c.state, c.decide_before, c.closed_at, c.order_id, c.refusal,\n       coalesce(c.id = (select k.checkout_id\n                          from checkout_keys k\n                         where k.user_id = :userId! and k.key = :key), false) as \"is_keyed!\",\n       array(select l.line_id from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"line_ids!\",\n       array(select l.sku     from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"skus!\",\n       array(select l.count   from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"counts!\",\n       array(select l.name    from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"names!\",\n       array(select l.price   from checkout_lines l where l.checkout_id = c.id order by l.sku) as \"prices!\"\n  from checkouts c\n where c.user_id = :userId!\n   and c.id = any(array(select o.id from checkouts o where o.user_id = :userId! and o.state = 'open'\n                         union all\n                        select k.checkout_id from checkout_keys k where k.user_id = :userId! and k.key = :key\n                         union all\n                        select :id::uuid\n                         union all\n                        (select d.id\n                           from checkouts d\n                          where d.user_id = :userId! and d.state = 'done'\n                          order by d.closed_at desc\n                          limit 1)))"};

/**
 * Query generated from SQL:
 * ```
 * -- Finds up to four checkouts: the open one, the one to which the key belongs, the one with the id, and the one that
 * -- became done last. Their ids are put into an array first, because the planner then looks the checkouts up by index.
 * select c.id, c.state, c.decide_before, c.closed_at, c.order_id, c.refusal,
 *        coalesce(c.id = (select k.checkout_id
 *                           from checkout_keys k
 *                          where k.user_id = :userId! and k.key = :key), false) as "is_keyed!",
 *        array(select l.line_id from checkout_lines l where l.checkout_id = c.id order by l.sku) as "line_ids!",
 *        array(select l.sku     from checkout_lines l where l.checkout_id = c.id order by l.sku) as "skus!",
 *        array(select l.count   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "counts!",
 *        array(select l.name    from checkout_lines l where l.checkout_id = c.id order by l.sku) as "names!",
 *        array(select l.price   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "prices!"
 *   from checkouts c
 *  where c.user_id = :userId!
 *    and c.id = any(array(select o.id from checkouts o where o.user_id = :userId! and o.state = 'open'
 *                          union all
 *                         select k.checkout_id from checkout_keys k where k.user_id = :userId! and k.key = :key
 *                          union all
 *                         select :id::uuid
 *                          union all
 *                         (select d.id
 *                            from checkouts d
 *                           where d.user_id = :userId! and d.state = 'done'
 *                           order by d.closed_at desc
 *                           limit 1)))
 * ```
 */
export const findCheckouts = new PreparedQuery<IFindCheckoutsParams,IFindCheckoutsResult>(findCheckoutsIR);


/** 'FindMomentAndAddKey' parameters type */
export interface IFindMomentAndAddKeyParams {
  addKey?: string | null | void;
  userId: bigint;
}

/** 'FindMomentAndAddKey' return type */
export interface IFindMomentAndAddKeyResult {
  moment: Date;
  request_hash: Buffer | null;
}

/** 'FindMomentAndAddKey' query type */
export interface IFindMomentAndAddKeyQuery {
  params: IFindMomentAndAddKeyParams;
  result: IFindMomentAndAddKeyResult;
}

const findMomentAndAddKeyIR: any = {"usedParamSet":{"userId":true,"addKey":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":264,"b":271}]},{"name":"addKey","required":false,"transform":{"type":"scalar"},"locs":[{"a":285,"b":291}]}],"statement":"-- The moment is read after the cart was locked. A transaction that waited for the lock thus decides by the time after\n-- its wait, and not by the time when it began.\nselect tally_now() as \"moment!\",\n       (select k.request_hash from add_keys k where k.user_id = :userId! and k.key = :addKey) as request_hash"};

/**
 * Query generated from SQL:
 * ```
 * -- The moment is read after the cart was locked. A transaction that waited for the lock thus decides by the time after
 * -- its wait, and not by the time when it began.
 * select tally_now() as "moment!",
 *        (select k.request_hash from add_keys k where k.user_id = :userId! and k.key = :addKey) as request_hash
 * ```
 */
export const findMomentAndAddKey = new PreparedQuery<IFindMomentAndAddKeyParams,IFindMomentAndAddKeyResult>(findMomentAndAddKeyIR);


/** 'FindAddKey' parameters type */
export interface IFindAddKeyParams {
  key: string;
  userId: bigint;
}

/** 'FindAddKey' return type */
export interface IFindAddKeyResult {
  request_hash: Buffer;
}

/** 'FindAddKey' query type */
export interface IFindAddKeyQuery {
  params: IFindAddKeyParams;
  result: IFindAddKeyResult;
}

const findAddKeyIR: any = {"usedParamSet":{"userId":true,"key":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":59,"b":66}]},{"name":"key","required":true,"transform":{"type":"scalar"},"locs":[{"a":80,"b":84}]}],"statement":"select k.request_hash\n  from add_keys k\n where k.user_id = :userId! and k.key = :key!"};

/**
 * Query generated from SQL:
 * ```
 * select k.request_hash
 *   from add_keys k
 *  where k.user_id = :userId! and k.key = :key!
 * ```
 */
export const findAddKey = new PreparedQuery<IFindAddKeyParams,IFindAddKeyResult>(findAddKeyIR);


