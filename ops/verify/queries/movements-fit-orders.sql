-- $1: chosen orders (id). Every line moved the stock as its order's status says, once, and nothing else moved it.
with effect (status, kind, total, reserved) as (
  values ('awaiting payment', 'reserve',  0,  1),
         ('payed',            'reserve',  0,  1),
         ('payed',            'ship',    -1, -1),
         ('cancelled',        'reserve',  0,  1),
         ('cancelled',        'release',  0, -1)
),
chosen as (
  select o.id, o.status
    from json_to_recordset($1::json) as given (id bigint)
    join orders o on o.id = given.id
),
expected as (
  select c.id as order_id, l.sku, e.kind, l.count * e.total as total, l.count * e.reserved as reserved
    from chosen c
    join order_lines l on l.order_id = c.id
    join effect e on e.status = c.status::text
),
written as (
  select m.order_id, m.sku, m.kind::text, m.total_delta as total, m.reserved_delta as reserved, m.held_delta as held
    from json_to_recordset($1::json) as given (id bigint)
    join stock_movements m on m.order_id = given.id
)
select 'order ' || order_id as id,
       case when w.kind is null then format('sku %s was never moved: no %s', sku, kind)
            when e.kind is null then format('sku %s has a %s that its lines and status do not explain', sku, kind)
            else format('sku %s: its %s moved total by %s, reserved by %s, held by %s; expected %s, %s, 0', sku, kind,
                        w.total, w.reserved, w.held, e.total, e.reserved)
       end as what
  from expected e
  full join written w using (order_id, sku, kind)
 where (e.total, e.reserved, 0) is distinct from (w.total, w.reserved, w.held)
union all
select 'order ' || c.id, format('is %s, but has no line', c.status)
  from chosen c
 where c.status <> 'failed'
   and not exists (select from order_lines l where l.order_id = c.id)
