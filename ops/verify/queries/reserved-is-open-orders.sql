-- What is reserved is what orders that await payment have ordered, and nothing else.
select 'sku ' || coalesce(s.sku, o.sku) as id,
       format('%s reserved; orders awaiting payment have %s', coalesce(s.reserved, 0), coalesce(o.ordered, 0)) as what
  from stocks s
  full join (select l.sku, sum(l.count) as ordered
               from orders o
               join order_lines l on l.order_id = o.id
              where o.status = 'awaiting payment'
              group by l.sku) as o on o.sku = s.sku
 where coalesce(s.reserved, 0) <> coalesce(o.ordered, 0)
 order by coalesce(s.sku, o.sku)
