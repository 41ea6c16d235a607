-- $1: how many of each kind. Orders with a notification that waits, or that died.
   (select order_id as id from notifications where state = 'parked' order by received_at limit $1)
    union
   (select order_id from notifications where state = 'dead' order by received_at desc limit $1)
