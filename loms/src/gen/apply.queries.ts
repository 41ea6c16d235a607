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

const applyChangesIR: any = {"usedParamSet":{"moment":true,"movementSkus":true,"movementOrderIds":true,"movementKinds":true,"totalDeltas":true,"reservedDeltas":true,"stockSkus":true,"stockTotalDeltas":true,"stockReservedDeltas":true,"ids":true,"userIds":true,"statuses":true,"causes":true,"requestIds":true,"refusals":true,"payBefores":true,"versions":true,"lineOrderIds":true,"lineSkus":true,"lineCounts":true,"lineNames":true,"linePrices":true,"changedIds":true,"changedStatuses":true,"changedCauses":true,"changedVersions":true,"keyUserIds":true,"keys":true,"keyHashes":true,"keyOrderIds":true,"eventOrderIds":true,"eventVersions":true,"eventStatuses":true,"eventCauses":true,"eventTraceparents":true},"params":[{"name":"moment","required":true,"transform":{"type":"scalar"},"locs":[{"a":192,"b":199},{"a":2137,"b":2144},{"a":2485,"b":2492}]},{"name":"movementSkus","required":true,"transform":{"type":"scalar"},"locs":[{"a":217,"b":230}]},{"name":"movementOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":243,"b":260}]},{"name":"movementKinds","required":true,"transform":{"type":"scalar"},"locs":[{"a":273,"b":287}]},{"name":"totalDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":323,"b":335}]},{"name":"reservedDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":348,"b":363}]},{"name":"stockSkus","required":true,"transform":{"type":"scalar"},"locs":[{"a":569,"b":579},{"a":740,"b":750}]},{"name":"stockTotalDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":592,"b":609}]},{"name":"stockReservedDeltas","required":true,"transform":{"type":"scalar"},"locs":[{"a":622,"b":642}]},{"name":"ids","required":true,"transform":{"type":"scalar"},"locs":[{"a":1006,"b":1010}]},{"name":"userIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1023,"b":1031}]},{"name":"statuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":1044,"b":1053}]},{"name":"causes","required":true,"transform":{"type":"scalar"},"locs":[{"a":1072,"b":1079}]},{"name":"requestIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1106,"b":1117}]},{"name":"refusals","required":true,"transform":{"type":"scalar"},"locs":[{"a":1128,"b":1137}]},{"name":"payBefores","required":true,"transform":{"type":"scalar"},"locs":[{"a":1149,"b":1160}]},{"name":"versions","required":true,"transform":{"type":"scalar"},"locs":[{"a":1194,"b":1203}]},{"name":"lineOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1443,"b":1456}]},{"name":"lineSkus","required":true,"transform":{"type":"scalar"},"locs":[{"a":1469,"b":1478}]},{"name":"lineCounts","required":true,"transform":{"type":"scalar"},"locs":[{"a":1491,"b":1502}]},{"name":"lineNames","required":true,"transform":{"type":"scalar"},"locs":[{"a":1516,"b":1526}]},{"name":"linePrices","required":true,"transform":{"type":"scalar"},"locs":[{"a":1553,"b":1564}]},{"name":"changedIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":1764,"b":1775},{"a":1970,"b":1981}]},{"name":"changedStatuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":1788,"b":1804}]},{"name":"changedCauses","required":true,"transform":{"type":"scalar"},"locs":[{"a":1823,"b":1837}]},{"name":"changedVersions","required":true,"transform":{"type":"scalar"},"locs":[{"a":1864,"b":1880}]},{"name":"keyUserIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":2162,"b":2173}]},{"name":"keys","required":true,"transform":{"type":"scalar"},"locs":[{"a":2186,"b":2191}]},{"name":"keyHashes","required":true,"transform":{"type":"scalar"},"locs":[{"a":2202,"b":2212}]},{"name":"keyOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":2224,"b":2236}]},{"name":"eventOrderIds","required":true,"transform":{"type":"scalar"},"locs":[{"a":2535,"b":2549}]},{"name":"eventVersions","required":true,"transform":{"type":"scalar"},"locs":[{"a":2562,"b":2576}]},{"name":"eventStatuses","required":true,"transform":{"type":"scalar"},"locs":[{"a":2590,"b":2604}]},{"name":"eventCauses","required":true,"transform":{"type":"scalar"},"locs":[{"a":2637,"b":2649}]},{"name":"eventTraceparents","required":true,"transform":{"type":"scalar"},"locs":[{"a":2660,"b":2678}]}],"statement":"with movement as (\n  insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)\n  select m.sku, m.order_id, m.kind, m.total_delta, m.reserved_delta, 0, :moment!\n    from unnest(:movementSkus!::bigint[], :movementOrderIds!::bigint[], :movementKinds!::movement_kind[],\n                :totalDeltas!::bigint[], :reservedDeltas!::bigint[])\n      as m (sku, order_id, kind, total_delta, reserved_delta)\n),\nstock as (\n  update stocks s\n     set total = s.total + d.total_delta, reserved = s.reserved + d.reserved_delta\n    from unnest(:stockSkus!::bigint[], :stockTotalDeltas!::bigint[], :stockReservedDeltas!::bigint[])\n      as d (sku, total_delta, reserved_delta)\n   where s.sku = d.sku and s.sku = any(:stockSkus!::bigint[])\n),\ncreated as (\n  insert into orders (id, user_id, status, cause, request_id, refusal, pay_before, version)\n  select o.id, o.user_id, o.status, nullif(o.cause, '')::order_cause, o.request_id, o.refusal, o.pay_before, o.version\n    from unnest(:ids!::bigint[], :userIds!::bigint[], :statuses!::order_status[], :causes!::text[],\n                :requestIds!::uuid[], :refusals!::jsonb[], :payBefores!::timestamptz[],\n                :versions!::integer[])\n      as o (id, user_id, status, cause, request_id, refusal, pay_before, version)\n),\nline as (\n  insert into order_lines (order_id, sku, count, name, price)\n  select l.order_id, l.sku, l.count, l.name, l.price\n    from unnest(:lineOrderIds!::bigint[], :lineSkus!::bigint[], :lineCounts!::integer[], :lineNames!::text[],\n                :linePrices!::bigint[])\n      as l (order_id, sku, count, name, price)\n),\nchanged as (\n  update orders o\n     set status = c.status, cause = nullif(c.cause, '')::order_cause, version = c.version\n    from unnest(:changedIds!::bigint[], :changedStatuses!::order_status[], :changedCauses!::text[],\n                :changedVersions!::integer[])\n      as c (id, status, cause, version)\n   where o.id = c.id and o.id = any(:changedIds!::bigint[])\n),\nkey as (\n  insert into order_keys (user_id, key, request_hash, order_id, created_at)\n  select k.user_id, k.key, k.request_hash, k.order_id, :moment!\n    from unnest(:keyUserIds!::bigint[], :keys!::text[], :keyHashes!::bytea[], :keyOrderIds!::bigint[])\n      as k (user_id, key, request_hash, order_id)\n   order by k.user_id, k.key\n)\ninsert into order_events (order_id, version, status, cause, moment, traceparent)\nselect e.order_id, e.version, e.status, nullif(e.cause, '')::order_cause, :moment!, nullif(e.traceparent, '')\n  from unnest(:eventOrderIds!::bigint[], :eventVersions!::integer[], :eventStatuses!::order_status[],\n              :eventCauses!::text[], :eventTraceparents!::text[])\n       with ordinality as e (order_id, version, status, cause, traceparent, nth)\n order by e.nth"};

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
 *    where s.sku = d.sku and s.sku = any(:stockSkus!::bigint[])
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
 *    where o.id = c.id and o.id = any(:changedIds!::bigint[])
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


