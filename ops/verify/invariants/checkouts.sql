/* @name checkout = order */
-- :checkouts are closed checkouts (id, user_id, state, order_id, reason, lines, names). One that is done names an order
-- of the same user, with the lines as they were frozen. A refused one names a failed order, which proves that no other
-- order can follow. Only one that was refused because of a conflict, or closed by hand, names no order.
select 'checkout ' || c.id as id,
       case when c.order_id is null then format('was refused (%s) and names no order', c.reason)
            when o.id is null       then format('is %s with order %s, which does not exist', c.state, c.order_id)
            else format('of user %s is %s with order %s: %s, of user %s and request %s; lines %s, ordered %s%s',
                        c.user_id, c.state, o.id, o.status, o.user_id, o.request_id, c.lines,
                        coalesce(ordered.lines, 'none'), case when ordered.names <> c.names then ', by other names' end)
       end as what
  from json_to_recordset(:checkouts) as c (id uuid, user_id bigint, state text, order_id bigint, reason text,
                                           lines text, names text)
  left join orders o on o.id = c.order_id
  left join lateral (select string_agg(l.count || ' of ' || l.sku || ' at ' || l.price, ', ' order by l.sku) as lines,
                            md5(string_agg(l.sku || ' ' || l.name, ', ' order by l.sku)) as names
                       from order_lines l
                      where l.order_id = o.id) as ordered on true
 where (c.order_id is null and coalesce(c.reason, '') not in ('CHECKOUT_CONFLICT', 'CHECKOUT_ABANDONED'))
    or (c.order_id is not null
        and (o.id is null
             or o.request_id <> c.id
             or o.user_id <> c.user_id
             or (c.state = 'refused') <> (o.status = 'failed')
             -- An order that failed because its checkout expired may have no lines.
             or ((ordered.lines, ordered.names) is distinct from (c.lines, c.names)
                 and not (o.status = 'failed' and ordered.lines is null))))

/* @name order = checkout */
-- :orders are orders (id, request_id, user_id, status, lines). A closed checkout names the order that was made of it.
-- There are two exceptions: the checkout was closed by hand and its order failed, or its id was used for another user
-- or other lines.
select 'order ' || o.id as id,
       format('of user %s is %s; its checkout %s of user %s is %s with order %s (%s)', o.user_id, o.status, c.id,
              c.user_id, c.state, coalesce(c.order_id::text, 'none'),
              coalesce(c.refusal ->> 'reason', 'not refused')) as what
  from json_to_recordset(:orders) as o (id bigint, request_id uuid, user_id bigint, status text, lines text)
  join checkouts c on c.id = o.request_id
  left join lateral (select string_agg(l.count || ' of ' || l.sku, ', ' order by l.sku) as lines
                       from checkout_lines l
                      where l.checkout_id = c.id) as frozen on true
 where c.state <> 'open'
   and c.order_id is distinct from o.id
   and case c.refusal ->> 'reason'
         when 'CHECKOUT_ABANDONED' then o.status <> 'failed'
         when 'CHECKOUT_CONFLICT'  then o.user_id = c.user_id
                                        and (o.lines is null or o.lines = frozen.lines)
         else true
       end

/* @name orders not of cart */
-- :orders are orders (id, request_id). Clients other than cart may call OrderCreate.
select 'order ' || o.id as id, format('was made for request %s, which is not a checkout', o.request_id) as what
  from json_to_recordset(:orders) as o (id bigint, request_id uuid)
 where not exists (select from checkouts c where c.id = o.request_id)
