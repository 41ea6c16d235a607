-- Skus whose counters are not what the ledger says.
select s.sku
  from stocks s
  left join (select sku, sum(total_delta) as total, sum(held_delta) as held, sum(reserved_delta) as reserved
               from stock_movements
              group by sku) as l on l.sku = s.sku
 where (s.total, s.held, s.reserved) <> (coalesce(l.total, 0), coalesce(l.held, 0), coalesce(l.reserved, 0))
 order by s.sku
