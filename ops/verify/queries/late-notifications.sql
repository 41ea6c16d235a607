-- $1: the moment of the snapshot. A parked version waits for one before it.
select format('order %s version %s', order_id, version) as id, format('%s is parked since %s', status, received_at) as what
  from notifications
 where state = 'parked'
   and received_at < $1::timestamptz - interval '60 seconds'
 order by received_at
