/* @name totals */
select count(*)                                  as "checkouts",
       count(*) filter (where state = 'open')    as "openCheckouts"
  from checkouts

/* @name recent checkouts */
-- The :limit checkouts that were closed last.
select id
  from checkouts
 where state <> 'open'
 order by closed_at desc
 limit :limit

/* @name next checkouts */
-- The next :limit ids of closed checkouts after :after.
select id
  from checkouts
 where state <> 'open'
   and id > :after::uuid
 order by id
 limit :limit

/* @name checkouts */
-- The checkouts that :ids names (id). The names in the lines are long, so one hash stands for all of them.
select c.id, c.user_id, c.state, c.order_id, c.refusal ->> 'reason' as reason, frozen.lines, frozen.names
  from json_to_recordset(:ids) as given (id uuid)
  join checkouts c on c.id = given.id
  left join lateral (select string_agg(l.count || ' of ' || l.sku || ' at ' || l.price, ', ' order by l.sku) as lines,
                            md5(string_agg(l.sku || ' ' || l.name, ', ' order by l.sku)) as names
                       from checkout_lines l
                      where l.checkout_id = c.id) as frozen on true
