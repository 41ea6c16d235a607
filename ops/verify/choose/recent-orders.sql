-- $1: how many of each kind. Open orders (the first and the last to be paid), and those with the newest events.
   (select id from orders where status = 'awaiting payment' order by pay_before limit $1)
    union
   (select id from orders where status = 'awaiting payment' order by pay_before desc limit $1)
    union
   (select order_id from order_events where log_offset is null order by position limit $1)
    union
   (select order_id from order_events order by position desc limit $1)
