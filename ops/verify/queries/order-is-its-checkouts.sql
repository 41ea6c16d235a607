-- $1: orders (id, request_id, user_id, status, lines). The checkout of an order, once it is closed, names that order. It
-- names none where it was closed by hand and the order failed, or where somebody else had used its id: another user, or for
-- other lines.
select 'order ' || o.id as id,
       format('of user %s is %s, and was made of checkout %s of user %s, which is %s with order %s (%s)', o.user_id, o.status,
              c.id, c.user_id, c.state, coalesce(c.order_id::text, 'none'),
              coalesce(c.refusal ->> 'reason', 'not refused')) as what
  from json_to_recordset($1::json) as o (id bigint, request_id uuid, user_id bigint, status text, lines text)
  join checkouts c on c.id = o.request_id
 where c.state <> 'open'
   and c.order_id is distinct from o.id
   and case c.refusal ->> 'reason'
         when 'CHECKOUT_ABANDONED' then o.status <> 'failed'
         when 'CHECKOUT_CONFLICT'  then o.user_id = c.user_id
                                        and (o.lines is null
                                             or o.lines = (select string_agg(l.count || ' of ' || l.sku, ', ' order by l.sku)
                                                             from checkout_lines l
                                                            where l.checkout_id = c.id))
         else true
       end
