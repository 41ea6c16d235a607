-- $1: skus. The counters, what the ledger says they are, and what orders awaiting payment have ordered.
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
                       where o.status = 'awaiting payment') as open
 where s.sku = any($1::bigint[])
 order by s.sku
