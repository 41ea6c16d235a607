-- On Kafka, of what was looked at, the end of each partition: its offsets count up without gaps. The group has read no
-- further than the end, and nothing that it still has to read was deleted.
with partition_state as (
  select p.topic, p.partition, p.first_offset, p.next_offset, r.records, r.first, g.next_offset as read_to
    from partitions p
    cross join lateral (select count(*) as records, coalesce(min("offset"), p.next_offset) as first
                          from records
                         where topic = p.topic
                           and partition = p.partition
                           and "offset" >= greatest(p.first_offset, p.next_offset - 5000)) as r
    left join group_partitions g on g.topic = p.topic and g.partition = p.partition
)
select format('partition %s of %s', partition, topic) as id,
       format('%s records from %s to %s; it holds what lies from %s on, and the notifier has read to %s', records, first,
              next_offset, first_offset, coalesce(read_to, 0)) as what
  from partition_state
 where records <> next_offset - greatest(first_offset, next_offset - 5000)
    or first_offset > coalesce(read_to, 0)
    or read_to > next_offset
