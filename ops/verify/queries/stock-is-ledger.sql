-- The ledger is the truth, and counters are derived from it: each is the sum of its deltas.
select 'sku ' || coalesce(s.sku, l.sku) as id,
       case when s.sku is null
            then 'the ledger has movements of it, but there is no stock'
            else format('counted %s total, %s held, %s reserved; the ledger says %s, %s, %s', s.total, s.held, s.reserved,
                        coalesce(l.total, 0), coalesce(l.held, 0), coalesce(l.reserved, 0))
       end as what
  from stocks s
  full join (select sku, sum(total_delta) as total, sum(held_delta) as held, sum(reserved_delta) as reserved
               from stock_movements
              group by sku) as l on l.sku = s.sku
 where s.sku is null
    or (s.total, s.held, s.reserved) <> (coalesce(l.total, 0), coalesce(l.held, 0), coalesce(l.reserved, 0))
 order by coalesce(s.sku, l.sku)
