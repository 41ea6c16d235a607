/* @name read = recorded */
-- :events are published events (order_id, version, status, log_partition, log_offset). :offsets says how far each group
-- has read (group_name, partition, next_offset). An event that the notifier has read is stored: as applied or parked
-- with its status, as dead, or as an unreadable event.
select format('order %s version %s', e.order_id, e.version) as id,
       case when n.version is null
            then format('%s was read (partition %s, offset %s), but there is no notification', e.status,
                        e.log_partition, e.log_offset)
            else format('the event says %s; the notification is %s and says %s', e.status, n.state, n.status)
       end as what
  from json_to_recordset(:events) as e (order_id bigint, version integer, status text, log_partition integer,
                                        log_offset bigint)
  join json_to_recordset(:offsets) as read_to (group_name text, partition integer, next_offset bigint)
    on read_to.group_name = :notifier_group
   and read_to.partition = e.log_partition
   and e.log_offset < read_to.next_offset
  left join notifications n on n.order_id = e.order_id and n.version = e.version
 where (n.version is null and not exists (select from unreadable_events u
                                           where u.log_partition = e.log_partition and u.log_offset = e.log_offset))
    or (n.state <> 'dead' and n.status <> e.status)

/* @name told = happened */
-- :notifications are notifications that are not dead (order_id, version, status, moment). Their moments agree with
-- those of loms to the millisecond.
select format('order %s version %s', n.order_id, n.version) as id,
       case when e.version is null
            then format('was told as %s of %s; loms has no such event', n.status, n.moment)
            else format('was told as %s of %s; it is %s of %s', n.status, n.moment, e.status, e.moment)
       end as what
  from json_to_recordset(:notifications) as n (order_id bigint, version integer, status text, moment timestamptz)
  left join order_events e on e.order_id = n.order_id and e.version = n.version
 where n.status is distinct from e.status::text
    or date_trunc('milliseconds', n.moment) is distinct from date_trunc('milliseconds', e.moment)

/* @name told in order */
-- :chosen are orders (id). A version is told as soon as all versions before it have passed, that is, are applied or
-- dead.
with history as (
  select n.order_id, n.version, n.state,
         count(*) filter (where n.state <> 'parked') over before as passed
    from json_to_recordset(:chosen) as given (id bigint)
    join notifications n on n.order_id = given.id
  window before as (partition by n.order_id order by n.version rows between unbounded preceding and 1 preceding)
)
select format('order %s version %s', h.order_id, h.version) as id,
       format('is %s, and %s of the versions before it have passed', h.state, h.passed) as what
  from history h
 where (h.state = 'applied' and h.passed < h.version - 1)
    or (h.state = 'parked'  and h.passed = h.version - 1)

/* @name dead = dead letter */
-- :dead are dead notifications and unreadable events (order_id, version, log_partition, log_offset, received_at,
-- reason). An unreadable event has neither order nor version. For each, a dead letter names its place, or the marker of
-- a skipped version lies at its place. Dead letters are never pruned. A marker may be pruned, under the same conditions
-- as any record.
with letter as materialized (
  select key, headers ->> :ce_sequence as version,
         headers ->> :dead_letter_partition as log_partition, headers ->> :dead_letter_offset as log_offset
    from records
   where topic = :dead_letters
),
kept as (
  select p.partition, coalesce((select min("offset") from records where topic = p.topic and partition = p.partition),
                               p.next_offset) as first
    from partitions p
   where p.topic = :order_events
)
select case when d.order_id is null
            then format('partition %s offset %s', d.log_partition, d.log_offset)
            else format('order %s version %s', d.order_id, d.version)
       end as id,
       format('is dead (%s), but no dead letter names partition %s and offset %s, and no marker lies there', d.reason,
              d.log_partition, d.log_offset) as what
  from json_to_recordset(:dead) as d (order_id bigint, version integer, log_partition integer, log_offset bigint,
                                      received_at timestamptz, reason text)
  left join kept on kept.partition = d.log_partition
 where not exists (select
                     from letter l
                    where l.log_partition = d.log_partition::text
                      and l.log_offset = d.log_offset::text
                      and (d.order_id is null or (l.key = d.order_id::text and l.version = d.version::text)))
   and not exists (select
                     from records r
                    where r.topic = :order_events
                      and r.partition = d.log_partition
                      and r."offset" = d.log_offset
                      and r.key = d.order_id::text
                      and r.headers ->> :ce_sequence = d.version::text
                      and r.headers ->> :ce_type = :version_skipped)
   and not coalesce(d.reason = :skipped_reason
                    and d.log_offset < kept.first
                    and d.received_at < clock_timestamp() - interval '1 hour', false)
