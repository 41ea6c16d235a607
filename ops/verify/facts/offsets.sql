-- How far the notifier has read.
select partition, next_offset
  from group_partitions
 where topic = 'loms.order-events'
   and group_name = 'notifier'
