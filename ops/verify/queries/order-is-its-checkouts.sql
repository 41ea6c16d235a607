-- $1: orders (id, request_id). The checkout of an order, once it is closed, names that order and no other.
select 'order ' || o.id as id,
       format('was made of checkout %s, which is %s with order %s', c.id, c.state, c.order_id) as what
  from json_to_recordset($1::json) as o (id bigint, request_id uuid)
  join checkouts c on c.id = o.request_id
 where c.order_id <> o.id
