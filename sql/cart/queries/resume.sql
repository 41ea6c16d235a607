/* @name claimOpenCheckouts */
-- Skips checkouts that another instance is claiming at this moment. clock_timestamp() is read in a select of its own,
-- so that it is read once and the partial index on claimed_until can be used. The ids are selected into an array, so
-- that their select runs only once. PostgreSQL may run a plain subquery several times, and each run would claim further
-- checkouts, beyond the limit.
update checkouts c
   set claimed_until = clock_timestamp() + :claimMs!::integer * interval '1 ms'
 where c.state = 'open'
   and c.id = any(array(select d.id
                          from checkouts d
                         where d.state = 'open'
                           and d.claimed_until < (select clock_timestamp())
                         order by d.claimed_until
                         limit :limit!::integer
                           for no key update skip locked))
returning c.id, c.user_id, c.decide_before, tally_now() as "moment!",
          array(select l.line_id from checkout_lines l where l.checkout_id = c.id order by l.sku) as "line_ids!",
          array(select l.sku     from checkout_lines l where l.checkout_id = c.id order by l.sku) as "skus!",
          array(select l.count   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "counts!",
          array(select l.name    from checkout_lines l where l.checkout_id = c.id order by l.sku) as "names!",
          array(select l.price   from checkout_lines l where l.checkout_id = c.id order by l.sku) as "prices!";

/* @name findOwner */
select c.user_id
  from checkouts c
 where c.id = :id!;
