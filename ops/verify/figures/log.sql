select (select coalesce(sum(next_offset), 0) from partitions where topic = 'loms.order-events')::bigint as "records",
       (select count(*) from partitions where topic = 'loms.order-events')                              as "partitions"
