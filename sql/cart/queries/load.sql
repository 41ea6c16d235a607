/*
  What a decision about one cart reads. Each of these is a statement of its own that runs after lockCart, so that its
  snapshot includes whatever the lock waited for.
*/

/* @name ensureCart */
insert into carts (user_id) values (:userId!) on conflict do nothing;

/* @name lockCart */
select c.user_id
  from carts c
 where c.user_id = :userId!
   for no key update;

/* @name findLines */
select i.id, i.sku, i.count, i.name, i.price
  from cart_items i
 where i.user_id = :userId!
 order by i.sku;

/* @name findCheckouts */
-- Finds the open checkout, the one that the key belongs to, the one with the id, and the one that was done last. With the
-- ids in an array, the planner uses index scans.
select c.id, c.state, c.decide_before, c.closed_at, c.order_id, c.refusal,
       coalesce(c.id = (select k.checkout_id
                          from checkout_keys k
                         where k.user_id = :userId! and k.key = :key), false) as "is_keyed!",
       array(select l.line_id from checkout_lines l where l.checkout_id = c.id order by l.sku) as "line_ids!",
       array(select l.sku     from checkout_lines l where l.checkout_id = c.id order by l.sku) as "skus!",
       array(select l.count   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "counts!",
       array(select l.name    from checkout_lines l where l.checkout_id = c.id order by l.sku) as "names!",
       array(select l.price   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "prices!"
  from checkouts c
 where c.user_id = :userId!
   and c.id = any(array(select o.id from checkouts o where o.user_id = :userId! and o.state = 'open'
                         union all
                        select k.checkout_id from checkout_keys k where k.user_id = :userId! and k.key = :key
                         union all
                        select :id::uuid
                         union all
                        (select d.id
                           from checkouts d
                          where d.user_id = :userId! and d.state = 'done'
                          order by d.closed_at desc
                          limit 1)));

/* @name findMomentAndAddKey */
-- The moment is read after the lock, so that a transaction that waited for the lock does not decide by an earlier time.
select tally_now() as "moment!",
       (select k.request_hash from add_keys k where k.user_id = :userId! and k.key = :addKey) as request_hash;

/* @name findAddKey */
select k.request_hash
  from add_keys k
 where k.user_id = :userId! and k.key = :key!;
