/* @name appendRecords */
-- Locks the partitions in a fixed order, so that publishers cannot deadlock, and raises their counters under those
-- locks. So offsets become visible in order and without gaps. With a sequence, a later offset could become visible
-- before an earlier one, and a reader would skip the earlier one for ever. An event whose partition does not exist is
-- not stored, and the result has no row for it.
with incoming as (
  select r.topic, r.partition, r.key, r.value, r.headers, r.nth
    from unnest(:topics!::text[], :partitions!::integer[], :keys!::text[], :values!::bytea[], :headers!::jsonb[])
         with ordinality as r (topic, partition, key, value, headers, nth)
),
counted as (
  select i.topic, i.partition, count(*) as n
    from incoming i
   group by i.topic, i.partition
),
locked as (
  select p.topic, p.partition, p.next_offset
    from partitions p
   where (p.topic, p.partition) in (select c.topic, c.partition from counted c)
   order by p.topic, p.partition
     for no key update of p
),
placed as (
  select i.topic, i.partition, i.key, i.value, i.headers, i.nth,
         l.next_offset - 1 + row_number() over (partition by i.topic, i.partition order by i.nth) as "offset"
    from incoming i
    join locked l on l.topic = i.topic and l.partition = i.partition
),
raised as (
  update partitions p
     set next_offset = l.next_offset + c.n
    from locked l
    join counted c on c.topic = l.topic and c.partition = l.partition
   where p.topic = l.topic and p.partition = l.partition
),
inserted as (
  insert into records (topic, partition, "offset", key, value, headers)
  select p.topic, p.partition, p."offset", p.key, p.value, p.headers
    from placed p
)
select p.partition as "partition!", p."offset" as "offset!"
  from placed p
 order by p.nth;

/* @name countPartitions */
select p.topic, count(*)::integer as "partitions!"
  from partitions p
 where p.topic = any(:topics!)
 group by p.topic;
