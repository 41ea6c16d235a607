-- $1: the moment of the snapshot. The next record that the group has not read yet.
select format('partition %s', r.partition) as id,
       format('the notifier has read to offset %s of %s; the next one came at %s', coalesce(g.next_offset, 0), p.next_offset,
              r.moment) as what
  from partitions p
  left join group_partitions g
    on g.topic = p.topic and g.partition = p.partition and g.group_name = 'notifier'
  join records r
    on r.topic = p.topic and r.partition = p.partition and r."offset" = coalesce(g.next_offset, 0)
 where p.topic = 'loms.order-events'
   and r.moment < $1::timestamptz - interval '30 seconds'
 order by r.partition
