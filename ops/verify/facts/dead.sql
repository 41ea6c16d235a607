-- $1: how many. $2: behind so many of the newest. What died at the notifier; what could not be read names no order.
select *
  from (select order_id, version, log_partition, log_offset, received_at, reason
          from notifications
         where state = 'dead'
         union all
        select null, null, log_partition, log_offset, received_at, reason
          from unreadable_events) as dead
 order by received_at desc, log_partition, log_offset, order_id, version
 limit $1::integer
offset $2::integer
