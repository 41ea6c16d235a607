/*
  One statement writes everything that a batch changed.

  Counters change by deltas and not to absolute values, so a mistake in the locking cannot undo the change of another
  batch. In the arrays of causes and traceparents, an empty text stands for null. Keys are inserted in ascending order,
  so two batches that insert the same keys wait for each other and do not deadlock.

  Each update restricts its rows twice, by a join and by an array. The statement is planned once, while the tables are
  small. Without the array, that plan would read every order and every stock, for as long as the connection lives.
*/

/* @name applyChanges */
with movement as (
  insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
  select m.sku, m.order_id, m.kind, m.total_delta, m.reserved_delta, 0, :moment!
    from unnest(:movementSkus!::bigint[], :movementOrderIds!::bigint[], :movementKinds!::movement_kind[],
                :totalDeltas!::bigint[], :reservedDeltas!::bigint[])
      as m (sku, order_id, kind, total_delta, reserved_delta)
),
stock as (
  update stocks s
     set total = s.total + d.total_delta, reserved = s.reserved + d.reserved_delta
    from unnest(:stockSkus!::bigint[], :stockTotalDeltas!::bigint[], :stockReservedDeltas!::bigint[])
      as d (sku, total_delta, reserved_delta)
   where s.sku = d.sku and s.sku = any(:stockSkus!::bigint[])
),
created as (
  insert into orders (id, user_id, status, cause, request_id, refusal, pay_before, version)
  select o.id, o.user_id, o.status, nullif(o.cause, '')::order_cause, o.request_id, o.refusal, o.pay_before, o.version
    from unnest(:ids!::bigint[], :userIds!::bigint[], :statuses!::order_status[], :causes!::text[],
                :requestIds!::uuid[], :refusals!::jsonb[], :payBefores!::timestamptz[],
                :versions!::integer[])
      as o (id, user_id, status, cause, request_id, refusal, pay_before, version)
),
line as (
  insert into order_lines (order_id, sku, count, name, price)
  select l.order_id, l.sku, l.count, l.name, l.price
    from unnest(:lineOrderIds!::bigint[], :lineSkus!::bigint[], :lineCounts!::integer[], :lineNames!::text[],
                :linePrices!::bigint[])
      as l (order_id, sku, count, name, price)
),
changed as (
  update orders o
     set status = c.status, cause = nullif(c.cause, '')::order_cause, version = c.version
    from unnest(:changedIds!::bigint[], :changedStatuses!::order_status[], :changedCauses!::text[],
                :changedVersions!::integer[])
      as c (id, status, cause, version)
   where o.id = c.id and o.id = any(:changedIds!::bigint[])
),
key as (
  insert into order_keys (user_id, key, request_hash, order_id, created_at)
  select k.user_id, k.key, k.request_hash, k.order_id, :moment!
    from unnest(:keyUserIds!::bigint[], :keys!::text[], :keyHashes!::bytea[], :keyOrderIds!::bigint[])
      as k (user_id, key, request_hash, order_id)
   order by k.user_id, k.key
)
insert into order_events (order_id, version, status, cause, moment, traceparent)
select e.order_id, e.version, e.status, nullif(e.cause, '')::order_cause, :moment!, nullif(e.traceparent, '')
  from unnest(:eventOrderIds!::bigint[], :eventVersions!::integer[], :eventStatuses!::order_status[],
              :eventCauses!::text[], :eventTraceparents!::text[])
       with ordinality as e (order_id, version, status, cause, traceparent, nth)
 order by e.nth;
