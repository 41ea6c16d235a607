/* @name findDueOrders */
-- In a sub-select, tally_now() is called once for the statement, so the scan can use the index orders_due.
select o.id
  from orders o
 where o.status = 'awaiting payment'
   and o.pay_before <= (select tally_now())
 order by o.pay_before
 limit :limit!::integer;

/* @name deleteOldKeys */
-- Each of two sweeps skips the rows that the other one has locked, so neither waits for the other.
delete from order_keys
 where (user_id, key) in (select k.user_id, k.key
                            from order_keys k
                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
                           limit :limit!::integer
                             for update skip locked);
