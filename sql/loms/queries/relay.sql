/* @name findUnpublished */
-- Returns the first unpublished versions of each order, without a gap between them, because the positions of an order's
-- events ascend with their versions. A quarantined version and the later versions of its order are left out.
select e.position, e.order_id, e.version, e.status, e.moment, e.traceparent, e.skipped
  from order_events e
 where e.log_offset is null
   and not exists (select
                     from order_events q
                    where q.order_id = e.order_id
                      and q.version <= e.version
                      and q.quarantine is not null
                      and q.log_offset is null
                      and not q.skipped)
 order by e.position
 limit :limit!::integer;

/* @name markPublished */
-- Two relays may mark the same rows at once, when both have appended the same events to the log. The rows are locked in
-- order, so the relays wait and do not deadlock. Each row keeps the place that was written first.
with acknowledged as (
  select e.position, a.log_partition, a.log_offset
    from unnest(:positions!::bigint[], :logPartitions!::integer[], :logOffsets!::bigint[])
      as a (position, log_partition, log_offset)
    join order_events e on e.position = a.position
   where e.log_offset is null
   order by e.position
     for no key update of e
)
update order_events e
   set log_partition = a.log_partition, log_offset = a.log_offset, quarantine = null
  from acknowledged a
 where e.position = a.position;

/* @name quarantineEvent */
update order_events
   set quarantine = :reason!
 where position = :position! and log_offset is null;

/* @name countUnpublished */
select count(*) as "count!"
  from order_events
 where log_offset is null;
