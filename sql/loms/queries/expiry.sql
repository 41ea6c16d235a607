/* @name findDueOrders */
-- The sub-select makes the moment a constant of the statement, so that the partial index serves.
select o.id
  from orders o
 where o.status = 'awaiting payment'
   and o.pay_before <= (select tally_now())
 order by o.pay_before
 limit :limit!::integer;

/* @name deleteOldKeys */
-- Skipping locked rows keeps the sweeps of two instances out of each other's way.
delete from order_keys
 where (user_id, key) in (select k.user_id, k.key
                            from order_keys k
                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
                           limit :limit!::integer
                             for update skip locked);
