-- An event may come again, but the first occurrences of an order's events come in order, in one partition. A partition that
-- was pruned does not show them any more.
with occurrence as (
  select key, partition, "offset",
         case when headers ->> 'ce_sequence' ~ '^[1-9]\d{0,8}$' then (headers ->> 'ce_sequence')::integer end as version
    from records
   where topic = 'loms.order-events'
     and partition in (select partition from records where topic = 'loms.order-events' and "offset" = 0)
),
first as (
  select key, version, partition, min("offset") as "offset"
    from occurrence
   group by key, version, partition
),
history as (
  select key, version, partition, "offset",
         lag(version, 1, 0)        over history as version_before,
         lag(partition, 1, partition) over history as partition_before,
         lag("offset", 1, -1::bigint) over history as offset_before
    from first
  window history as (partition by key order by version)
)
select format('order %s version %s', key, version) as id,
       format('first came in partition %s at offset %s; version %s in %s at %s', partition, "offset", version_before,
              partition_before, offset_before) as what
  from history
 where version is distinct from version_before + 1
    or partition <> partition_before
    or "offset" < offset_before
