/* @name findOrder */
select o.user_id, o.status,
       array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as "skus!",
       array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as "counts!",
       array(select l.name  from order_lines l where l.order_id = o.id order by l.sku) as "names!",
       array(select l.price from order_lines l where l.order_id = o.id order by l.sku) as "prices!"
  from orders o
 where o.id = :id!;

/* @name findStock */
select s.total, s.held, s.reserved
  from stocks s
 where s.sku = :sku!;
