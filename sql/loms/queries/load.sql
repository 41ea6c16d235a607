/*
  What a batch loads, in the order in which it locks: orders by id, then stocks by sku. Everybody who locks both does it
  in this order.
*/

/* @name lockOrders */
select o.id, o.user_id, o.status, o.cause, o.request_id, o.refusal, o.pay_before, o.version,
       array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as "skus!",
       array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as "counts!"
  from orders o
 where o.id = any(:ids!::bigint[])
 order by o.id
   for no key update of o;

/* @name lockStocks */
-- The skus asked for, and those of the orders to change. The array makes it an index scan: with OR it reads every stock.
select s.sku, s.total, s.held, s.reserved
  from stocks s
 where s.sku = any(array(select unnest(:skus!::bigint[])
                          union
                         select l.sku from order_lines l where l.order_id = any(:orderIds!::bigint[])))
 order by s.sku
   for no key update of s;

/* @name findKeys */
-- Runs behind the locks, in a statement of its own: it must see what the locks waited for. The array makes it an index
-- scan, also by a plan that was made while the table was empty.
select k.user_id, k.key, k.request_hash, k.order_id
  from order_keys k
  join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)
    on k.user_id = wanted.user_id and k.key = wanted.key
 where k.user_id = any(:userIds!::bigint[]);

/* @name findKnown */
-- Behind the locks too. By request id, and by the keys of findKeys.
select o.id, o.user_id, o.status, o.cause, o.request_id, o.refusal, o.pay_before, o.version,
       array(select l.sku   from order_lines l where l.order_id = o.id order by l.sku) as "skus!",
       array(select l.count from order_lines l where l.order_id = o.id order by l.sku) as "counts!"
  from orders o
 where o.id = any(array(select k.order_id
                          from order_keys k
                          join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)
                            on k.user_id = wanted.user_id and k.key = wanted.key
                         where k.user_id = any(:userIds!::bigint[])
                         union all
                        select r.id from orders r where r.request_id = any(:requestIds!::uuid[])));

/* @name drawIds */
-- The moment of the batch is taken behind its locks: whoever waited does not decide by an old clock.
select tally_now() as "moment!",
       array(select nextval('order_ids') from generate_series(1, :count!::integer)) as "ids!";
