/** Types generated for queries found in "sql/cart/queries/apply.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type checkout_state = 'done' | 'open' | 'refused';

export type DateOrString = Date | string;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type bigintArray = (bigint)[];

export type numberArray = (number)[];

export type stringArray = (string)[];

/** 'RemoveLines' parameters type */
export interface IRemoveLinesParams {
  ids: bigintArray;
  userId: bigint;
}

/** 'RemoveLines' return type */
export type IRemoveLinesResult = void;

/** 'RemoveLines' query type */
export interface IRemoveLinesQuery {
  params: IRemoveLinesParams;
  result: IRemoveLinesResult;
}

const removeLinesIR: any = {"usedParamSet":{"userId":true,"ids":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":40,"b":47}]},{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":62,"b":66}]}],"statement":"delete from cart_items\n where user_id = :userId! and id = any(:ids!::bigint[])"};

/**
 * Query generated from SQL:
 * ```
 * delete from cart_items
 *  where user_id = :userId! and id = any(:ids!::bigint[])
 * ```
 */
export const removeLines = new PreparedQuery<IRemoveLinesParams,IRemoveLinesResult>(removeLinesIR);


/** 'ChangeLines' parameters type */
export interface IChangeLinesParams {
  counts: numberArray;
  ids: bigintArray;
  names: stringArray;
  prices: bigintArray;
  userId: bigint;
}

/** 'ChangeLines' return type */
export type IChangeLinesResult = void;

/** 'ChangeLines' query type */
export interface IChangeLinesQuery {
  params: IChangeLinesParams;
  result: IChangeLinesResult;
}

const changeLinesIR: any = {"usedParamSet":{"ids":true,"counts":true,"names":true,"prices":true,"userId":true},"params":[{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":89,"b":93}]},{"name":"counts","required":true,"transform":{"type":"scalar"},"locs":[{"a":106,"b":113}]},{"name":"names","required":true,"transform":{"type":"scalar"},"locs":[{"a":127,"b":133}]},{"name":"prices","required":true,"transform":{"type":"scalar"},"locs":[{"a":144,"b":151}]},{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":213,"b":220}]}],"statement":"update cart_items i\n   set count = l.count, name = l.name, price = l.price\n  from unnest(:ids!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[]) as l (id, count, name, price)\n where i.user_id = :userId! and i.id = l.id"};

/**
 * Query generated from SQL:
 * ```
 * update cart_items i
 *    set count = l.count, name = l.name, price = l.price
 *   from unnest(:ids!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[]) as l (id, count, name, price)
 *  where i.user_id = :userId! and i.id = l.id
 * ```
 */
export const changeLines = new PreparedQuery<IChangeLinesParams,IChangeLinesResult>(changeLinesIR);


/** 'AddLine' parameters type */
export interface IAddLineParams {
  count: number;
  name: string;
  price: bigint;
  sku: bigint;
  userId: bigint;
}

/** 'AddLine' return type */
export type IAddLineResult = void;

/** 'AddLine' query type */
export interface IAddLineQuery {
  params: IAddLineParams;
  result: IAddLineResult;
}

const addLineIR: any = {"usedParamSet":{"userId":true,"sku":true,"count":true,"name":true,"price":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":66,"b":73}]},{"name":"sku","required":true,"transform":{"type":"scalar"},"locs":[{"a":76,"b":80}]},{"name":"count","required":true,"transform":{"type":"scalar"},"locs":[{"a":83,"b":89}]},{"name":"name","required":true,"transform":{"type":"scalar"},"locs":[{"a":92,"b":97}]},{"name":"price","required":true,"transform":{"type":"scalar"},"locs":[{"a":100,"b":106}]}],"statement":"insert into cart_items (user_id, sku, count, name, price)\nvalues (:userId!, :sku!, :count!, :name!, :price!)"};

/**
 * Query generated from SQL:
 * ```
 * insert into cart_items (user_id, sku, count, name, price)
 * values (:userId!, :sku!, :count!, :name!, :price!)
 * ```
 */
export const addLine = new PreparedQuery<IAddLineParams,IAddLineResult>(addLineIR);


/** 'KeepAddKey' parameters type */
export interface IKeepAddKeyParams {
  key: string;
  moment: DateOrString;
  requestHash: Buffer;
  userId: bigint;
}

/** 'KeepAddKey' return type */
export type IKeepAddKeyResult = void;

/** 'KeepAddKey' query type */
export interface IKeepAddKeyQuery {
  params: IKeepAddKeyParams;
  result: IKeepAddKeyResult;
}

const keepAddKeyIR: any = {"usedParamSet":{"userId":true,"key":true,"requestHash":true,"moment":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":70,"b":77}]},{"name":"key","required":true,"transform":{"type":"scalar"},"locs":[{"a":80,"b":84}]},{"name":"requestHash","required":true,"transform":{"type":"scalar"},"locs":[{"a":87,"b":99}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":102,"b":109}]}],"statement":"insert into add_keys (user_id, key, request_hash, created_at)\nvalues (:userId!, :key!, :requestHash!, :moment!)"};

/**
 * Query generated from SQL:
 * ```
 * insert into add_keys (user_id, key, request_hash, created_at)
 * values (:userId!, :key!, :requestHash!, :moment!)
 * ```
 */
export const keepAddKey = new PreparedQuery<IKeepAddKeyParams,IKeepAddKeyResult>(keepAddKeyIR);


/** 'FreezeCart' parameters type */
export interface IFreezeCartParams {
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

/** 'FreezeCart' return type */
export type IFreezeCartResult = void;

/** 'FreezeCart' query type */
export interface IFreezeCartQuery {
  params: IFreezeCartParams;
  result: IFreezeCartResult;
}

const freezeCartIR: any = {"usedParamSet":{"id":true,"userId":true,"moment":true,"decideBefore":true,"claimMs":true,"lineIds":true,"skus":true,"counts":true,"names":true,"prices":true},"params":[{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":113,"b":116},{"a":305,"b":308}]},{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":119,"b":126}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":137,"b":144}]},{"name":"decideBefore","required":true,"transform":{"type":"scalar"},"locs":[{"a":147,"b":160}]},{"name":"claimMs","required":true,"transform":{"type":"scalar"},"locs":[{"a":183,"b":191}]},{"name":"lineIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":368,"b":376}]},{"name":"skus","required":true,"transform":{"type":"scalar"},"locs":[{"a":389,"b":394}]},{"name":"counts","required":true,"transform":{"type":"scalar"},"locs":[{"a":407,"b":414}]},{"name":"names","required":true,"transform":{"type":"scalar"},"locs":[{"a":428,"b":434}]},{"name":"prices","required":true,"transform":{"type":"scalar"},"locs":[{"a":445,"b":452}]}],"statement":"with frozen as (\n  insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)\n  values (:id!, :userId!, 'open', :moment!, :decideBefore!, clock_timestamp() + :claimMs!::integer * interval '1 ms')\n)\ninsert into checkout_lines (checkout_id, line_id, sku, count, name, price)\nselect :id!, l.line_id, l.sku, l.count, l.name, l.price\n  from unnest(:lineIds!::bigint[], :skus!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[])\n    as l (line_id, sku, count, name, price)"};

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
export const freezeCart = new PreparedQuery<IFreezeCartParams,IFreezeCartResult>(freezeCartIR);


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


/** 'KeepCheckoutKey' parameters type */
export interface IKeepCheckoutKeyParams {
  checkoutId: string;
  key: string;
  moment: DateOrString;
  userId: bigint;
}

/** 'KeepCheckoutKey' return type */
export type IKeepCheckoutKeyResult = void;

/** 'KeepCheckoutKey' query type */
export interface IKeepCheckoutKeyQuery {
  params: IKeepCheckoutKeyParams;
  result: IKeepCheckoutKeyResult;
}

const keepCheckoutKeyIR: any = {"usedParamSet":{"userId":true,"key":true,"checkoutId":true,"moment":true},"params":[{"name":"userId","required":true,"transform":{"type":"scalar"},"locs":[{"a":176,"b":183}]},{"name":"key","required":true,"transform":{"type":"scalar"},"locs":[{"a":186,"b":190}]},{"name":"checkoutId","required":true,"transform":{"type":"scalar"},"locs":[{"a":193,"b":204}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":207,"b":214}]}],"statement":"-- A refused checkout gives its keys back: a press passes over it, and takes the key for another one.\ninsert into checkout_keys (user_id, key, checkout_id, created_at)\nvalues (:userId!, :key!, :checkoutId!, :moment!)\non conflict (user_id, key) do update set checkout_id = excluded.checkout_id, created_at = excluded.created_at"};

/**
 * Query generated from SQL:
 * ```
 * -- A refused checkout gives its keys back: a press passes over it, and takes the key for another one.
 * insert into checkout_keys (user_id, key, checkout_id, created_at)
 * values (:userId!, :key!, :checkoutId!, :moment!)
 * on conflict (user_id, key) do update set checkout_id = excluded.checkout_id, created_at = excluded.created_at
 * ```
 */
export const keepCheckoutKey = new PreparedQuery<IKeepCheckoutKeyParams,IKeepCheckoutKeyResult>(keepCheckoutKeyIR);


/** 'CloseCheckout' parameters type */
export interface ICloseCheckoutParams {
  id: string;
  moment: DateOrString;
  orderId?: bigint | null | void;
  refusal?: Json | null | void;
  state: checkout_state;
}

/** 'CloseCheckout' return type */
export type ICloseCheckoutResult = void;

/** 'CloseCheckout' query type */
export interface ICloseCheckoutQuery {
  params: ICloseCheckoutParams;
  result: ICloseCheckoutResult;
}

const closeCheckoutIR: any = {"usedParamSet":{"state":true,"moment":true,"orderId":true,"refusal":true,"id":true},"params":[{"name":"state","required":true,"transform":{"type":"scalar"},"locs":[{"a":32,"b":38}]},{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":53,"b":60}]},{"name":"orderId","required":false,"transform":{"type":"scalar"},"locs":[{"a":74,"b":81}]},{"name":"refusal","required":false,"transform":{"type":"scalar"},"locs":[{"a":94,"b":101}]},{"name":"id","required":true,"transform":{"type":"scalar"},"locs":[{"a":115,"b":118}]}],"statement":"update checkouts\n   set state = :state!, closed_at = :moment!, order_id = :orderId, refusal = :refusal\n where id = :id! and state = 'open'"};

/**
 * Query generated from SQL:
 * ```
 * update checkouts
 *    set state = :state!, closed_at = :moment!, order_id = :orderId, refusal = :refusal
 *  where id = :id! and state = 'open'
 * ```
 */
export const closeCheckout = new PreparedQuery<ICloseCheckoutParams,ICloseCheckoutResult>(closeCheckoutIR);


/** 'KeepAudit' parameters type */
export interface IKeepAuditParams {
  action: string;
  reason: string;
  subject: string;
}

/** 'KeepAudit' return type */
export type IKeepAuditResult = void;

/** 'KeepAudit' query type */
export interface IKeepAuditQuery {
  params: IKeepAuditParams;
  result: IKeepAuditResult;
}

const keepAuditIR: any = {"usedParamSet":{"action":true,"subject":true,"reason":true},"params":[{"name":"action","required":true,"transform":{"type":"scalar"},"locs":[{"a":52,"b":59}]},{"name":"subject","required":true,"transform":{"type":"scalar"},"locs":[{"a":62,"b":70}]},{"name":"reason","required":true,"transform":{"type":"scalar"},"locs":[{"a":73,"b":80}]}],"statement":"insert into audit (action, subject, reason)\nvalues (:action!, :subject!, :reason!)"};

/**
 * Query generated from SQL:
 * ```
 * insert into audit (action, subject, reason)
 * values (:action!, :subject!, :reason!)
 * ```
 */
export const keepAudit = new PreparedQuery<IKeepAuditParams,IKeepAuditResult>(keepAuditIR);


