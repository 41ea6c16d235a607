/** Types generated for queries found in "sql/cart/queries/apply.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type checkout_state = 'done' | 'open' | 'refused';

export type DateOrString = Date | string;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'DeleteLines' parameters type */
export interface IDeleteLinesParams {
  ids: bigintArray;
  userId: bigint;
}

/** 'DeleteLines' return type */
export type IDeleteLinesResult = void;

/** 'DeleteLines' query type */
export interface IDeleteLinesQuery {
  params: IDeleteLinesParams;
  result: IDeleteLinesResult;
}

const deleteLinesIR: any = {"usedParamSet":{"userId":true,"ids":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":40,"b":47}]},{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":62,"b":66}]}],"statement":"delete from cart_items\n where user_id = :userId! and id = any(:ids!::bigint[])"};

/**
 * Query generated from SQL:
 * ```
 * delete from cart_items
 *  where user_id = :userId! and id = any(:ids!::bigint[])
 * ```
 */
export const deleteLines = new PreparedQuery<IDeleteLinesParams,IDeleteLinesResult>(deleteLinesIR);


/** 'UpdateLines' parameters type */
export interface IUpdateLinesParams {
  counts: numberArray;
  ids: bigintArray;
  names: stringArray;
  prices: bigintArray;
  userId: bigint;
}

/** 'UpdateLines' return type */
export type IUpdateLinesResult = void;

/** 'UpdateLines' query type */
export interface IUpdateLinesQuery {
  params: IUpdateLinesParams;
  result: IUpdateLinesResult;
}

const updateLinesIR: any = {"usedParamSet":{"ids":true,"counts":true,"names":true,"prices":true,"userId":true},"params":[{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":89,"b":93}]},{"name":"counts","required":true,"transform":{"type":"scalar"},"locs":[{"a":106,"b":113}]},{"name":"names","required":true,"transform":{"type":"scalar"},"locs":[{"a":127,"b":133}]},{"name":"prices","required":true,"transform":{"type":"scalar"},"locs":[{"a":144,"b":151}]},{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":213,"b":220}]}],"statement":"update cart_items i\n   set count = l.count, name = l.name, price = l.price\n  from unnest(:ids!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[]) as l (id, count, name, price)\n where i.user_id = :userId! and i.id = l.id"};

/**
 * Query generated from SQL:
 * ```
 * update cart_items i
 *    set count = l.count, name = l.name, price = l.price
 *   from unnest(:ids!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[]) as l (id, count, name, price)
 *  where i.user_id = :userId! and i.id = l.id
 * ```
 */
export const updateLines = new PreparedQuery<IUpdateLinesParams,IUpdateLinesResult>(updateLinesIR);


/** 'InsertLine' parameters type */
export interface IInsertLineParams {
  count: number;
  name: string;
  price: bigint;
  sku: bigint;
  userId: bigint;
}

/** 'InsertLine' return type */
export type IInsertLineResult = void;

/** 'InsertLine' query type */
export interface IInsertLineQuery {
  params: IInsertLineParams;
  result: IInsertLineResult;
}

const insertLineIR: any = {"usedParamSet":{"userId":true,"sku":true,"count":true,"name":true,"price":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":66,"b":73}]},{"name":"sku","required":true,"transform":{"type":"scalar"},"locs":[{"a":76,"b":80}]},{"name":"count","required":true,"transform":{"type":"scalar"},"locs":[{"a":83,"b":89}]},{"name":"name","required":true,"transform":{"type":"scalar"},"locs":[{"a":92,"b":97}]},{"name":"price","required":true,"transform":{"type":"scalar"},"locs":[{"a":100,"b":106}]}],"statement":"insert into cart_items (user_id, sku, count, name, price)\nvalues (:userId!, :sku!, :count!, :name!, :price!)"};

/**
 * Query generated from SQL:
 * ```
 * insert into cart_items (user_id, sku, count, name, price)
 * values (:userId!, :sku!, :count!, :name!, :price!)
 * ```
 */
export const insertLine = new PreparedQuery<IInsertLineParams,IInsertLineResult>(insertLineIR);


/** 'InsertAddKey' parameters type */
export interface IInsertAddKeyParams {
  key: string;
  moment: DateOrString;
  requestHash: Buffer;
  userId: bigint;
}

/** 'InsertAddKey' return type */
export type IInsertAddKeyResult = void;

/** 'InsertAddKey' query type */
export interface IInsertAddKeyQuery {
  params: IInsertAddKeyParams;
  result: IInsertAddKeyResult;
}

const insertAddKeyIR: any = {"usedParamSet":{"userId":true,"key":true,"requestHash":true,"moment":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":70,"b":77}]},{"name":"key","required":true,"transform":{"type":"scalar"},"locs":[{"a":80,"b":84}]},{"name":"requestHash","required":true,"transform":{"type":"scalar"},"locs":[{"a":87,"b":99}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":102,"b":109}]}],"statement":"insert into add_keys (user_id, key, request_hash, created_at)\nvalues (:userId!, :key!, :requestHash!, :moment!)"};

/**
 * Query generated from SQL:
 * ```
 * insert into add_keys (user_id, key, request_hash, created_at)
 * values (:userId!, :key!, :requestHash!, :moment!)
 * ```
 */
export const insertAddKey = new PreparedQuery<IInsertAddKeyParams,IInsertAddKeyResult>(insertAddKeyIR);


/** 'InsertCheckout' parameters type */
export interface IInsertCheckoutParams {
  claimMs: number;
  counts: numberArray;
  decideBefore: DateOrString;
  id: string;
  lineIds: bigintArray;
  moment: DateOrString;
  names: stringArray;
  prices: bigintArray;
  skus: bigintArray;
  userId: bigint;
}

/** 'InsertCheckout' return type */
export type IInsertCheckoutResult = void;

/** 'InsertCheckout' query type */
export interface IInsertCheckoutQuery {
  params: IInsertCheckoutParams;
  result: IInsertCheckoutResult;
}

const insertCheckoutIR: any = {"usedParamSet":{"id":true,"userId":true,"moment":true,"decideBefore":true,"claimMs":true,"lineIds":true,"skus":true,"counts":true,"names":true,"prices":true},"params":[{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":113,"b":116},{"a":305,"b":308}]},{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":119,"b":126}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":137,"b":144}]},{"name":"decideBefore","required":true,"transform":{"type":"scalar"},"locs":[{"a":147,"b":160}]},{"name":"claimMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":183,"b":191}]},{"name":"lineIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":368,"b":376}]},{"name":"skus","required":true,"transform":{"type":"scalar"},"locs":[{"a":389,"b":394}]},{"name":"counts","required":true,"transform":{"type":"scalar"},"locs":[{"a":407,"b":414}]},{"name":"names","required":true,"transform":{"type":"scalar"},"locs":[{"a":428,"b":434}]},{"name":"prices","required":true,"transform":{"type":"scalar"},"locs":[{"a":445,"b":452}]}],"statement":"with frozen as (\n  insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)\n  values (:id!, :userId!, 'open', :moment!, :decideBefore!, clock_timestamp() + :claimMs!::integer * interval '1 ms')\n)\ninsert into checkout_lines (checkout_id, line_id, sku, count, name, price)\nselect :id!, l.line_id, l.sku, l.count, l.name, l.price\n  from unnest(:lineIds!::bigint[], :skus!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[])\n    as l (line_id, sku, count, name, price)"};

/**
 * Query generated from SQL:
 * ```
 * with frozen as (
 *   insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)
 *   values (:id!, :userId!, 'open', :moment!, :decideBefore!, clock_timestamp() + :claimMs!::integer * interval '1 ms')
 * )
 * insert into checkout_lines (checkout_id, line_id, sku, count, name, price)
 * select :id!, l.line_id, l.sku, l.count, l.name, l.price
 *   from unnest(:lineIds!::bigint[], :skus!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[])
 *     as l (line_id, sku, count, name, price)
 * ```
 */
export const insertCheckout = new PreparedQuery<IInsertCheckoutParams,IInsertCheckoutResult>(insertCheckoutIR);


/** 'ExtendClaim' parameters type */
export interface IExtendClaimParams {
  claimMs: number;
  id: string;
}

/** 'ExtendClaim' return type */
export type IExtendClaimResult = void;

/** 'ExtendClaim' query type */
export interface IExtendClaimQuery {
  params: IExtendClaimParams;
  result: IExtendClaimResult;
}

const extendClaimIR: any = {"usedParamSet":{"claimMs":true,"id":true},"params":[{"name":"claimMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":84,"b":92}]},{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":134,"b":137}]}],"statement":"update checkouts\n   set claimed_until = greatest(claimed_until, clock_timestamp() + :claimMs!::integer * interval '1 ms')\n where id = :id! and state = 'open'"};

/**
 * Query generated from SQL:
 * ```
 * update checkouts
 *    set claimed_until = greatest(claimed_until, clock_timestamp() + :claimMs!::integer * interval '1 ms')
 *  where id = :id! and state = 'open'
 * ```
 */
export const extendClaim = new PreparedQuery<IExtendClaimParams,IExtendClaimResult>(extendClaimIR);


/** 'UpsertCheckoutKey' parameters type */
export interface IUpsertCheckoutKeyParams {
  checkoutId: string;
  key: string;
  moment: DateOrString;
  userId: bigint;
}

/** 'UpsertCheckoutKey' return type */
export type IUpsertCheckoutKeyResult = void;

/** 'UpsertCheckoutKey' query type */
export interface IUpsertCheckoutKeyQuery {
  params: IUpsertCheckoutKeyParams;
  result: IUpsertCheckoutKeyResult;
}

const upsertCheckoutKeyIR: any = {"usedParamSet":{"userId":true,"key":true,"checkoutId":true,"moment":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":167,"b":174}]},{"name":"key","required":true,"transform":{"type":"scalar"},"locs":[{"a":177,"b":181}]},{"name":"checkoutId","required":true,"transform":{"type":"scalar"},"locs":[{"a":184,"b":195}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":198,"b":205}]}],"statement":"-- A key whose checkout was refused can be used again, and then belongs to another checkout.\ninsert into checkout_keys (user_id, key, checkout_id, created_at)\nvalues (:userId!, :key!, :checkoutId!, :moment!)\non conflict (user_id, key) do update set checkout_id = excluded.checkout_id, created_at = excluded.created_at"};

/**
 * Query generated from SQL:
 * ```
 * -- A key whose checkout was refused can be used again, and then belongs to another checkout.
 * insert into checkout_keys (user_id, key, checkout_id, created_at)
 * values (:userId!, :key!, :checkoutId!, :moment!)
 * on conflict (user_id, key) do update set checkout_id = excluded.checkout_id, created_at = excluded.created_at
 * ```
 */
export const upsertCheckoutKey = new PreparedQuery<IUpsertCheckoutKeyParams,IUpsertCheckoutKeyResult>(upsertCheckoutKeyIR);


/** 'UpdateClosedCheckout' parameters type */
export interface IUpdateClosedCheckoutParams {
  id: string;
  moment: DateOrString;
  orderId?: bigint | null | void;
  refusal?: Json | null | void;
  state: checkout_state;
}

/** 'UpdateClosedCheckout' return type */
export type IUpdateClosedCheckoutResult = void;

/** 'UpdateClosedCheckout' query type */
export interface IUpdateClosedCheckoutQuery {
  params: IUpdateClosedCheckoutParams;
  result: IUpdateClosedCheckoutResult;
}

const updateClosedCheckoutIR: any = {"usedParamSet":{"state":true,"moment":true,"orderId":true,"refusal":true,"id":true},"params":[{"name":"state","required":true,"transform":{"type":"scalar"},"locs":[{"a":88,"b":94}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":109,"b":116}]},{"name":"orderId","required":false,"transform":{"type":"scalar"},"locs":[{"a":130,"b":137}]},{"name":"refusal","required":false,"transform":{"type":"scalar"},"locs":[{"a":150,"b":157}]},{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":171,"b":174}]}],"statement":"-- Changes no row if the checkout is not open any more.\nupdate checkouts\n   set state = :state!, closed_at = :moment!, order_id = :orderId, refusal = :refusal\n where id = :id! and state = 'open'"};

/**
 * Query generated from SQL:
 * ```
 * -- Changes no row if the checkout is not open any more.
 * update checkouts
 *    set state = :state!, closed_at = :moment!, order_id = :orderId, refusal = :refusal
 *  where id = :id! and state = 'open'
 * ```
 */
export const updateClosedCheckout = new PreparedQuery<IUpdateClosedCheckoutParams,IUpdateClosedCheckoutResult>(updateClosedCheckoutIR);


/** 'InsertAudit' parameters type */
export interface IInsertAuditParams {
  action: string;
  reason: string;
  subject: string;
}

/** 'InsertAudit' return type */
export type IInsertAuditResult = void;

/** 'InsertAudit' query type */
export interface IInsertAuditQuery {
  params: IInsertAuditParams;
  result: IInsertAuditResult;
}

const insertAuditIR: any = {"usedParamSet":{"action":true,"subject":true,"reason":true},"params":[{"name":"action","required":true,"transform":{"type":"scalar"},"locs":[{"a":52,"b":59}]},{"name":"subject","required":true,"transform":{"type":"scalar"},"locs":[{"a":62,"b":70}]},{"name":"reason","required":true,"transform":{"type":"scalar"},"locs":[{"a":73,"b":80}]}],"statement":"insert into audit (action, subject, reason)\nvalues (:action!, :subject!, :reason!)"};

/**
 * Query generated from SQL:
 * ```
 * insert into audit (action, subject, reason)
 * values (:action!, :subject!, :reason!)
 * ```
 */
export const insertAudit = new PreparedQuery<IInsertAuditParams,IInsertAuditResult>(insertAuditIR);


