/* @name lockTopic */
-- Keeps others from creating or extending the topic until the transaction ends.
select pg_advisory_xact_lock(hashtext(:topic!));

/* @name findUnread */
-- Counts the partitions with events that some group has not read yet, or that no group reads.
select count(*)::integer as "partitions!"
  from partitions p
 where p.topic = :topic!
   and p.next_offset > coalesce((select min(g.next_offset)
                                   from group_partitions g
                                  where g.topic = p.topic and g.partition = p.partition), 0);

/* @name addPartitions */
insert into partitions (topic, partition)
select :topic!, n
  from generate_series(0, :partitions!::integer - 1) as n
on conflict do nothing;

/* @name pruneRecords */
-- Keeps every record at or above the offset of some group. A topic that no group reads keeps all of its records.
delete from records r
 where r.topic = :topic!
   and r.moment < clock_timestamp() - :retentionSeconds!::integer * interval '1 second'
   and r."offset" < (select min(g.next_offset)
                       from group_partitions g
                      where g.topic = r.topic and g.partition = r.partition);
