-- $1: closed checkouts (id, user_id, state, order_id, reason, lines, names). One that is done has its order, of the same user
-- and lines, as they were frozen. A refused one has the failed order that proves that none can follow, but for two reasons: a conflict, or by hand.
select 'checkout ' || c.id as id,
       case when c.order_id is null then format('was refused (%s) and names no order', c.reason)
            when o.id is null       then format('is %s with order %s, which does not exist', c.state, c.order_id)
            else format('of user %s is %s with order %s: %s, of user %s and request %s; lines %s, ordered %s%s',
                        c.user_id, c.state, o.id, o.status, o.user_id, o.request_id, c.lines,
                        coalesce(ordered.lines, 'none'), case when ordered.names <> c.names then ', by other names' end)
       end as what
  from json_to_recordset($1::json) as c (id uuid, user_id bigint, state text, order_id bigint, reason text, lines text,
                                         names text)
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
             -- A bare failed order has no lines.
             or ((ordered.lines, ordered.names) is distinct from (c.lines, c.names) and not (o.status = 'failed' and ordered.lines is null))))
