/* @name differing skus */
-- The skus whose counters differ from the sums of their movements.
select s.sku
  from stocks s
  left join (select sku, sum(total_delta) as total, sum(held_delta) as held, sum(reserved_delta) as reserved
               from stock_movements
              group by sku) as l on l.sku = s.sku
 where (s.total, s.held, s.reserved) <> (coalesce(l.total, 0), coalesce(l.held, 0), coalesce(l.reserved, 0))
 order by s.sku

/* @name evidence */
-- For each of :skus, its counters, the sums of its movements, and its units in open orders.
select s.sku, s.total, s.held, s.reserved,
       ledger.total as ledger_total, ledger.held as ledger_held, ledger.reserved as ledger_reserved, open.ordered
  from stocks s
  cross join lateral (select coalesce(sum(m.total_delta), 0)::bigint    as total,
                             coalesce(sum(m.held_delta), 0)::bigint     as held,
                             coalesce(sum(m.reserved_delta), 0)::bigint as reserved
                        from stock_movements m
                       where m.sku = s.sku) as ledger
  cross join lateral (select coalesce(sum(l.count), 0)::bigint as ordered
                        from orders o
                        join order_lines l on l.order_id = o.id and l.sku = s.sku
                       where o.status = any(:open_statuses)) as open
 where s.sku = any(:skus::bigint[])
 order by s.sku

/* @name repair */
-- Sets the counters and, in the same statement, records in the table audit what was changed and why.
with repaired as (
  update stocks
     set total = :total::bigint, held = :held::bigint, reserved = :reserved::bigint
   where sku = :sku::bigint
  returning sku
)
insert into audit (action, subject, reason)
select 'repair counters', :subject::text, :reason::text
  from repaired
