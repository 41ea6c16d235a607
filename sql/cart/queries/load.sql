/*
  What a decision about one cart reads. ensureCart and lockCart run first, and each read is a statement of its own. A
  statement takes its snapshot when it begins, so the reads see what was committed while lockCart waited for the lock.

  findLines and findAddKey are also run alone, without the lock.
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
-- Finds up to four checkouts: the open one, the one to which the key belongs, the one with the id, and the one that
-- became done last. Their ids are put into an array first, because the planner then looks the checkouts up by index.
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
-- The moment is read after the cart was locked. A transaction that waited for the lock thus decides by the time after
-- its wait, and not by the time when it began.
select tally_now() as "moment!",
       (select k.request_hash from add_keys k where k.user_id = :userId! and k.key = :addKey) as request_hash;

/* @name findAddKey */
select k.request_hash
  from add_keys k
 where k.user_id = :userId! and k.key = :key!;
