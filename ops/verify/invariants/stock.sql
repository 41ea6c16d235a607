/* @name stock = ledger */
-- The counters of a sku are the sums of its movements.
select 'sku ' || coalesce(s.sku, l.sku) as id,
       case when s.sku is null
            then 'the ledger has movements of this sku, but stocks has no row for it'
            else format('stocks says %s total, %s held, %s reserved; the ledger says %s, %s, %s', s.total, s.held,
                        s.reserved, coalesce(l.total, 0), coalesce(l.held, 0), coalesce(l.reserved, 0))
       end as what
  from stocks s
  full join (select sku, sum(total_delta) as total, sum(held_delta) as held, sum(reserved_delta) as reserved
               from stock_movements
              group by sku) as l on l.sku = s.sku
 where s.sku is null
    or (s.total, s.held, s.reserved) <> (coalesce(l.total, 0), coalesce(l.held, 0), coalesce(l.reserved, 0))
 order by coalesce(s.sku, l.sku)

/* @name reserved = open orders */
-- An open order is one whose units are reserved.
select 'sku ' || coalesce(s.sku, o.sku) as id,
       format('%s units are reserved; open orders have %s', coalesce(s.reserved, 0), coalesce(o.ordered, 0)) as what
  from stocks s
  full join (select l.sku, sum(l.count) as ordered
               from orders o
               join order_lines l on l.order_id = o.id
              where o.status = any(:open_statuses)
              group by l.sku) as o on o.sku = s.sku
 where coalesce(s.reserved, 0) <> coalesce(o.ordered, 0)
 order by coalesce(s.sku, o.sku)

/* @name movements = lines */
-- :chosen are orders (id). :movements says, for each status of an order, which movements each of its lines has made,
-- and by how much a movement of one unit changes the counters.
with effect as (
  select * from json_to_recordset(:movements) as effect (status text, kind text, total integer, reserved integer)
),
chosen as (
  select o.id, o.status::text
    from json_to_recordset(:chosen) as given (id bigint)
    join orders o on o.id = given.id
),
expected as (
  select c.id as order_id, l.sku, e.kind, l.count * e.total as total, l.count * e.reserved as reserved
    from chosen c
    join order_lines l on l.order_id = c.id
    join effect e on e.status = c.status
),
written as (
  select m.order_id, m.sku, m.kind::text, m.total_delta as total, m.reserved_delta as reserved, m.held_delta as held
    from json_to_recordset(:chosen) as given (id bigint)
    join stock_movements m on m.order_id = given.id
)
select 'order ' || order_id as id,
       case when w.kind is null then format('sku %s has no %s in the ledger', sku, kind)
            when e.kind is null
            then format('sku %s has a %s that the order''s lines and status do not explain', sku, kind)
            else format('sku %s: its %s changed total by %s, reserved by %s, held by %s; expected %s, %s, 0', sku, kind,
                        w.total, w.reserved, w.held, e.total, e.reserved)
       end as what
  from expected e
  full join written w using (order_id, sku, kind)
 where (e.total, e.reserved, 0) is distinct from (w.total, w.reserved, w.held)
union all
select 'order ' || c.id, format('is %s and has no lines', c.status)
  from chosen c
 where c.status in (select status from effect)
   and not exists (select from order_lines l where l.order_id = c.id)
