-- $1: chosen checkouts (id).
select c.id, c.user_id, c.state, c.order_id, c.refusal ->> 'reason' as reason,
       (select string_agg(l.count || ' of ' || l.sku, ', ' order by l.sku)
          from checkout_lines l
         where l.checkout_id = c.id) as lines
  from json_to_recordset($1::json) as given (id uuid)
  join checkouts c on c.id = given.id
