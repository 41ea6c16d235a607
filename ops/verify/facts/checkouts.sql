-- $1: chosen checkouts (id). Names are long: together they are one hash.
select c.id, c.user_id, c.state, c.order_id, c.refusal ->> 'reason' as reason, frozen.lines, frozen.names
  from json_to_recordset($1::json) as given (id uuid)
  join checkouts c on c.id = given.id
  left join lateral (select string_agg(l.count || ' of ' || l.sku || ' at ' || l.price, ', ' order by l.sku) as lines,
                            md5(string_agg(l.sku || ' ' || l.name, ', ' order by l.sku)) as names
                       from checkout_lines l
                      where l.checkout_id = c.id) as frozen on true
