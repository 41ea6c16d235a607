-- $1: chosen orders (id).
select o.id, o.request_id, o.user_id, o.status,
       (select string_agg(l.count || ' of ' || l.sku, ', ' order by l.sku)
          from order_lines l
         where l.order_id = o.id) as lines
  from json_to_recordset($1::json) as given (id bigint)
  join orders o on o.id = given.id
