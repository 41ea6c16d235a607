-- $1: above this id. $2: how many. Whatever names an order: a line or an event without an order is chosen, too.
   (select id from orders where id > $1::bigint order by id limit $2)
    union
   (select distinct order_id from order_lines where order_id > $1::bigint order by order_id limit $2)
    union
   (select distinct order_id from order_events where order_id > $1::bigint order by order_id limit $2)
    union
   (select distinct order_id from stock_movements where order_id > $1::bigint order by order_id limit $2)
    order by id
    limit $2
