/*
  The queries with which a batch locks and loads, in the order in which it runs them: orders by id, then stocks by sku.
  Every transaction that locks both must take the locks in this order, because otherwise two of them can deadlock.
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
-- Locks the stocks of the given skus, and of the lines of the given orders. The array makes this an index scan. With OR
-- instead, the query reads every stock.
select s.sku, s.total, s.held, s.reserved
  from stocks s
 where s.sku = any(array(select unnest(:skus!::bigint[])
                          union
                         select l.sku from order_lines l where l.order_id = any(:orderIds!::bigint[])))
 order by s.sku
   for no key update of s;

/* @name findKeys */
-- Runs after the locks were taken, in a statement of its own, so that it sees what other transactions committed while
-- this one waited for its locks. The condition on user_id makes this an index scan even in a plan that was made while
-- the table was empty.
select k.user_id, k.key, k.request_hash, k.order_id
  from order_keys k
  join unnest(:userIds!::bigint[], :keys!::text[]) as wanted (user_id, key)
    on k.user_id = wanted.user_id and k.key = wanted.key
 where k.user_id = any(:userIds!::bigint[]);

/* @name findKnown */
-- Finds orders by their request ids, and by the keys that findKeys looks up. Like findKeys, it runs after the locks
-- were taken, so that it finds an order that was committed during the wait for them. An order that is committed even
-- later makes applyChanges violate the constraint on request_id or the primary key of order_keys, and the batch is
-- retried.
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
-- Runs last, so that the moment of a batch that waited for its locks is the time after the wait.
select tally_now() as "moment!",
       array(select nextval('order_ids') from generate_series(1, :count!::integer)) as "ids!";
