/** Types generated for queries found in "sql/loms/queries/apply.sql" */
import { PreparedQuery } from '@pgtyped/runtime';

export type movement_kind = 'adjust' | 'receipt' | 'release' | 'reserve' | 'ship';

export type order_status = 'awaiting payment' | 'cancelled' | 'failed' | 'new' | 'payed';

export type BufferArray = (Buffer)[];

export type DateOrString = Date | string;

export type DateOrStringArray = (DateOrString)[];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonArray = (Json)[];

export type bigintArray = (bigint)[];

export type movement_kindArray = (movement_kind)[];

export type numberArray = (number)[];

export type order_statusArray = (order_status)[];

export type stringArray = (string)[];

/** 'ApplyChanges' parameters type */
export interface IApplyChangesParams {
  causes: stringArray;
  changedCauses: stringArray;
  changedIds: bigintArray;
  changedStatuses: order_statusArray;
  changedVersions: numberArray;
  eventCauses: stringArray;
  eventOrderIds: bigintArray;
  eventStatuses: order_statusArray;
  eventTraceparents: stringArray;
  eventVersions: numberArray;
  ids: bigintArray;
  keyHashes: BufferArray;
  keyOrderIds: bigintArray;
  keys: stringArray;
  keyUserIds: bigintArray;
  lineCounts: numberArray;
  lineNames: stringArray;
  lineOrderIds: bigintArray;
  linePrices: bigintArray;
  lineSkus: bigintArray;
  moment: DateOrString;
  movementKinds: movement_kindArray;
  movementOrderIds: bigintArray;
  movementSkus: bigintArray;
  payBefores: DateOrStringArray;
  refusals: JsonArray;
  requestIds: stringArray;
  reservedDeltas: bigintArray;
  statuses: order_statusArray;
  stockReservedDeltas: bigintArray;
  stockSkus: bigintArray;
  stockTotalDeltas: bigintArray;
  totalDeltas: bigintArray;
  userIds: bigintArray;
  versions: numberArray;
}

/** 'ApplyChanges' return type */
export type IApplyChangesResult = void;

/** 'ApplyChanges' query type */
export interface IApplyChangesQuery {
  params: IApplyChangesParams;
  result: IApplyChangesResult;
}

const applyChangesIR: any = {"usedParamSet":{"moment":true,"movementSkus":true,"movementOrderIds":true,"movementKinds":true,"totalDeltas":true,"reservedDeltas":true,"stockSkus":true,"stockTotalDeltas":true,"stockReservedDeltas":true,"ids":true,"userIds":true,"statuses":true,"causes":true,"requestIds":true,"refusals":true,"payBefores":true,"versions":true,"lineOrderIds":true,"lineSkus":true,"lineCounts":true,"lineNames":true,"linePrices":true,"changedIds":true,"changedStatuses":true,"changedCauses":true,"changedVersions":true,"keyUserIds":true,"keys":true,"keyHashes":true,"keyOrderIds":true,"eventOrderIds":true,"eventVersions":true,"eventStatuses":true,"eventCauses":true,"eventTraceparents":true},"params":[{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":192,"b":199},{"a":2059,"b":2066},{"a":2407,"b":2414}]},{"name":"movementSkus","required":true,"transform":{"type":"scalar"},"locs":[{"a":217,"b":230}]},{"name":"movementOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":243,"b":260}]},{"name":"movementKinds","required":true,"transform":{"type":"scalar"},"locs":[{"a":273,"b":287}]},{"name":"totalDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":323,"b":335}]},{"name":"reservedDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":348,"b":363}]},{"name":"stockSkus","required":true,"transform":{"type":"scalar"},"locs":[{"a":569,"b":579}]},{"name":"stockTotalDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":592,"b":609}]},{"name":"stockReservedDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":622,"b":642}]},{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":967,"b":971}]},{"name":"userIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":984,"b":992}]},{"name":"statuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":1005,"b":1014}]},{"name":"causes","required":true,"transform":{"type":"scalar"},"locs":[{"a":1033,"b":1040}]},{"name":"requestIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1067,"b":1078}]},{"name":"refusals","required":true,"transform":{"type":"scalar"},"locs":[{"a":1089,"b":1098}]},{"name":"payBefores","required":true,"transform":{"type":"scalar"},"locs":[{"a":1110,"b":1121}]},{"name":"versions","required":true,"transform":{"type":"scalar"},"locs":[{"a":1155,"b":1164}]},{"name":"lineOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1404,"b":1417}]},{"name":"lineSkus","required":true,"transform":{"type":"scalar"},"locs":[{"a":1430,"b":1439}]},{"name":"lineCounts","required":true,"transform":{"type":"scalar"},"locs":[{"a":1452,"b":1463}]},{"name":"lineNames","required":true,"transform":{"type":"scalar"},"locs":[{"a":1477,"b":1487}]},{"name":"linePrices","required":true,"transform":{"type":"scalar"},"locs":[{"a":1514,"b":1525}]},{"name":"changedIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1725,"b":1736}]},{"name":"changedStatuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":1749,"b":1765}]},{"name":"changedCauses","required":true,"transform":{"type":"scalar"},"locs":[{"a":1784,"b":1798}]},{"name":"changedVersions","required":true,"transform":{"type":"scalar"},"locs":[{"a":1825,"b":1841}]},{"name":"keyUserIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":2084,"b":2095}]},{"name":"keys","required":true,"transform":{"type":"scalar"},"locs":[{"a":2108,"b":2113}]},{"name":"keyHashes","required":true,"transform":{"type":"scalar"},"locs":[{"a":2124,"b":2134}]},{"name":"keyOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":2146,"b":2158}]},{"name":"eventOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":2457,"b":2471}]},{"name":"eventVersions","required":true,"transform":{"type":"scalar"},"locs":[{"a":2484,"b":2498}]},{"name":"eventStatuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":2512,"b":2526}]},{"name":"eventCauses","required":true,"transform":{"type":"scalar"},"locs":[{"a":2559,"b":2571}]},{"name":"eventTraceparents","required":true,"transform":{"type":"scalar"},"locs":[{"a":2582,"b":2600}]}],"statement":"with movement as (\n  insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)\n  select m.sku, m.order_id, m.kind, m.total_delta, m.reserved_delta, 0, :moment!\n    from unnest(:movementSkus!::bigint[], :movementOrderIds!::bigint[], :movementKinds!::movement_kind[],\n                :totalDeltas!::bigint[], :reservedDeltas!::bigint[])\n      as m (sku, order_id, kind, total_delta, reserved_delta)\n),\nstock as (\n  update stocks s\n     set total = s.total + d.total_delta, reserved = s.reserved + d.reserved_delta\n    from unnest(:stockSkus!::bigint[], :stockTotalDeltas!::bigint[], :stockReservedDeltas!::bigint[])\n      as d (sku, total_delta, reserved_delta)\n   where s.sku = d.sku\n),\ncreated as (\n  insert into orders (id, user_id, status, cause, request_id, refusal, pay_before, version)\n  select o.id, o.user_id, o.status, nullif(o.cause, '')::order_cause, o.request_id, o.refusal, o.pay_before, o.version\n    from unnest(:ids!::bigint[], :userIds!::bigint[], :statuses!::order_status[], :causes!::text[],\n                :requestIds!::uuid[], :refusals!::jsonb[], :payBefores!::timestamptz[],\n                :versions!::integer[])\n      as o (id, user_id, status, cause, request_id, refusal, pay_before, version)\n),\nline as (\n  insert into order_lines (order_id, sku, count, name, price)\n  select l.order_id, l.sku, l.count, l.name, l.price\n    from unnest(:lineOrderIds!::bigint[], :lineSkus!::bigint[], :lineCounts!::integer[], :lineNames!::text[],\n                :linePrices!::bigint[])\n      as l (order_id, sku, count, name, price)\n),\nchanged as (\n  update orders o\n     set status = c.status, cause = nullif(c.cause, '')::order_cause, version = c.version\n    from unnest(:changedIds!::bigint[], :changedStatuses!::order_status[], :changedCauses!::text[],\n                :changedVersions!::integer[])\n      as c (id, status, cause, version)\n   where o.id = c.id\n),\nkey as (\n  insert into order_keys (user_id, key, request_hash, order_id, created_at)\n  select k.user_id, k.key, k.request_hash, k.order_id, :moment!\n    from unnest(:keyUserIds!::bigint[], :keys!::text[], :keyHashes!::bytea[], :keyOrderIds!::bigint[])\n      as k (user_id, key, request_hash, order_id)\n   order by k.user_id, k.key\n)\ninsert into order_events (order_id, version, status, cause, moment, traceparent)\nselect e.order_id, e.version, e.status, nullif(e.cause, '')::order_cause, :moment!, nullif(e.traceparent, '')\n  from unnest(:eventOrderIds!::bigint[], :eventVersions!::integer[], :eventStatuses!::order_status[],\n              :eventCauses!::text[], :eventTraceparents!::text[])\n       with ordinality as e (order_id, version, status, cause, traceparent, nth)\n order by e.nth"};

/**
 * Query generated from SQL:
 * ```
 * with movement as (
 *   insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
 *   select m.sku, m.order_id, m.kind, m.total_delta, m.reserved_delta, 0, :moment!
 *     from unnest(:movementSkus!::bigint[], :movementOrderIds!::bigint[], :movementKinds!::movement_kind[],
 *                 :totalDeltas!::bigint[], :reservedDeltas!::bigint[])
 *       as m (sku, order_id, kind, total_delta, reserved_delta)
 * ),
 * stock as (
 *   update stocks s
 *      set total = s.total + d.total_delta, reserved = s.reserved + d.reserved_delta
 *     from unnest(:stockSkus!::bigint[], :stockTotalDeltas!::bigint[], :stockReservedDeltas!::bigint[])
 *       as d (sku, total_delta, reserved_delta)
 *    where s.sku = d.sku
 * ),
 * created as (
 *   insert into orders (id, user_id, status, cause, request_id, refusal, pay_before, version)
 *   select o.id, o.user_id, o.status, nullif(o.cause, '')::order_cause, o.request_id, o.refusal, o.pay_before, o.version
 *     from unnest(:ids!::bigint[], :userIds!::bigint[], :statuses!::order_status[], :causes!::text[],
 *                 :requestIds!::uuid[], :refusals!::jsonb[], :payBefores!::timestamptz[],
 *                 :versions!::integer[])
 *       as o (id, user_id, status, cause, request_id, refusal, pay_before, version)
 * ),
 * line as (
 *   insert into order_lines (order_id, sku, count, name, price)
 *   select l.order_id, l.sku, l.count, l.name, l.price
 *     from unnest(:lineOrderIds!::bigint[], :lineSkus!::bigint[], :lineCounts!::integer[], :lineNames!::text[],
 *                 :linePrices!::bigint[])
 *       as l (order_id, sku, count, name, price)
 * ),
 * changed as (
 *   update orders o
 *      set status = c.status, cause = nullif(c.cause, '')::order_cause, version = c.version
 *     from unnest(:changedIds!::bigint[], :changedStatuses!::order_status[], :changedCauses!::text[],
 *                 :changedVersions!::integer[])
 *       as c (id, status, cause, version)
 *    where o.id = c.id
 * ),
 * key as (
 *   insert into order_keys (user_id, key, request_hash, order_id, created_at)
 *   select k.user_id, k.key, k.request_hash, k.order_id, :moment!
 *     from unnest(:keyUserIds!::bigint[], :keys!::text[], :keyHashes!::bytea[], :keyOrderIds!::bigint[])
 *       as k (user_id, key, request_hash, order_id)
 *    order by k.user_id, k.key
 * )
 * insert into order_events (order_id, version, status, cause, moment, traceparent)
 * select e.order_id, e.version, e.status, nullif(e.cause, '')::order_cause, :moment!, nullif(e.traceparent, '')
 *   from unnest(:eventOrderIds!::bigint[], :eventVersions!::integer[], :eventStatuses!::order_status[],
 *               :eventCauses!::text[], :eventTraceparents!::text[])
 *        with ordinality as e (order_id, version, status, cause, traceparent, nth)
 *  order by e.nth
 * ```
 */
export const applyChanges = new PreparedQuery<IApplyChangesParams,IApplyChangesResult>(applyChangesIR);


