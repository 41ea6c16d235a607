-- Offsets of a partition count up to its next one without gaps, from 0, or from where a group still has to read: what all
-- groups have read may be pruned, from the front. No group has read past the end.
with partition_state as (
  select p.topic, p.partition, p.next_offset, r.records, coalesce(r.first, p.next_offset) as first, r.last, g.read_to
    from partitions p
    cross join lateral (select count(*) as records, min("offset") as first, max("offset") as last
                          from records
                         where topic = p.topic and partition = p.partition) as r
    cross join lateral (select coalesce(min(next_offset), 0) as read_to
                          from group_partitions
                         where topic = p.topic and partition = p.partition) as g
)
select format('partition %s of %s', partition, topic) as id,
       format('%s records from %s to %s; the next offset is %s, and all have read to %s', records, first, last, next_offset,
              read_to) as what
  from partition_state
 where records <> next_offset - first
    or last >= next_offset
    or first > read_to
union all
select format('partition %s of %s', g.partition, g.topic),
       format('group %s has read to %s; the next offset is %s', g.group_name, g.next_offset, p.next_offset)
  from group_partitions g
  join partitions p on p.topic = g.topic and p.partition = g.partition
 where g.next_offset > p.next_offset
