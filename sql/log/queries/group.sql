/*
  How the members of a group divide the partitions among them. A member reads a partition while it holds a lease on it.
  Each change of the holder raises the lease's token, and a commit with an older token changes nothing.
*/

/* @name recordHeartbeat */
insert into group_members (group_name, topic, member, heartbeat_at)
values (:group!, :topic!, :member!, clock_timestamp())
on conflict (group_name, topic, member) do update set heartbeat_at = excluded.heartbeat_at;

/* @name deleteDeadMembers */
delete from group_members
 where group_name = :group! and topic = :topic!
   and heartbeat_at < clock_timestamp() - :leaseMs!::integer * interval '1 ms';

/* @name joinPartitions */
insert into group_partitions (group_name, topic, partition)
select :group!, p.topic, p.partition
  from partitions p
 where p.topic = :topic!
on conflict do nothing;

/* @name countFairShare */
-- Returns how many partitions each member should hold: an equal share of them, rounded up.
select ceil(count(*)::numeric / greatest(1, (select count(*)
                                               from group_members m
                                              where m.group_name = :group! and m.topic = :topic!)))::integer as "share!"
  from partitions p
 where p.topic = :topic!;

/* @name renewPartitions */
update group_partitions
   set expires_at = clock_timestamp() + :leaseMs!::integer * interval '1 ms'
 where group_name = :group! and topic = :topic! and holder = :member!
   and expires_at > clock_timestamp()
returning partition, token, next_offset;

/* @name takePartitions */
-- Takes free partitions, as many as the member lacks. It skips one that another member is taking at this moment.
update group_partitions g
   set holder = :member!, token = g.token + 1,
       expires_at = clock_timestamp() + :leaseMs!::integer * interval '1 ms'
  from (select f.partition
          from group_partitions f
         where f.group_name = :group! and f.topic = :topic!
           and (f.holder is null or f.expires_at <= clock_timestamp())
         order by f.partition
         limit :missing!::integer
           for update skip locked) free
 where g.group_name = :group! and g.topic = :topic! and g.partition = free.partition
returning g.partition, g.token, g.next_offset;

/* @name releasePartitions */
update group_partitions
   set holder = null, expires_at = null
 where group_name = :group! and topic = :topic! and holder = :member!
   and partition = any(:partitions!);

/* @name deleteMember */
delete from group_members
 where group_name = :group! and topic = :topic! and member = :member!;

/* @name fetchRecords */
-- Returns the next records of several partitions, up to the limit for each of them.
select r.partition, r."offset", r.key, r.value, r.headers
  from unnest(:partitions!::integer[], :offsets!::bigint[]) as wanted (partition, next_offset)
 cross join lateral (select r.partition, r."offset", r.key, r.value, r.headers
                       from records r
                      where r.topic = :topic! and r.partition = wanted.partition
                        and r."offset" >= wanted.next_offset
                      order by r."offset"
                      limit :limit!::integer) r
 order by r.partition, r."offset";

/* @name commitOffset */
-- Updates no row when another member holds the partition.
update group_partitions
   set next_offset = greatest(next_offset, :nextOffset!)
 where group_name = :group! and topic = :topic! and partition = :partition!
   and holder = :member! and token = :token!;
