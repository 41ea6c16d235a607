/*
  The queries that load a stock file. They lock stocks by sku, as a batch of orders does (load.sql).
*/

/* @name addStocks */
-- Adds the skus that have no stock yet, with counters of 0. They are inserted in ascending order, so two loads of the
-- same skus wait for each other and do not deadlock.
insert into stocks (sku, total, held, reserved)
select n.sku, 0, 0, 0
  from unnest(:skus!::bigint[]) as n (sku)
 order by n.sku
    on conflict (sku) do nothing
returning sku;

/* @name moveStocks */
with movement as (
  insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
  select m.sku, null, m.kind, m.total_delta, 0, m.held_delta, (select tally_now())
    from unnest(:skus!::bigint[], :kinds!::movement_kind[], :totalDeltas!::bigint[], :heldDeltas!::bigint[])
      as m (sku, kind, total_delta, held_delta)
)
update stocks s
   set total = s.total + m.total_delta, held = s.held + m.held_delta
  from unnest(:skus!::bigint[], :totalDeltas!::bigint[], :heldDeltas!::bigint[]) as m (sku, total_delta, held_delta)
 where s.sku = m.sku;

/* @name hasStocks */
select exists (select from stocks) as "hasStocks!";
