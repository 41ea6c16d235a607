/* @name claims lie in the log */
-- :claims are rows that name a record (order_id, version, status, is_skipped, moment, log_partition, log_offset). At
-- that place lies a record with that order as its key, that version as its identity, that status, and that moment to
-- the millisecond. A record may be missing if it was pruned. Pruning removes the oldest records of a partition, and
-- none that is younger than an hour.
with kept as (
  select p.partition, coalesce((select min("offset") from records where topic = p.topic and partition = p.partition),
                               p.next_offset) as first
    from partitions p
   where p.topic = :order_events
)
select format('order %s version %s', claim.order_id, claim.version) as id,
       case when r."offset" is null
            then format('partition %s has no record at offset %s', claim.log_partition, claim.log_offset)
            else format('partition %s has at offset %s the event %s of %s with key %s and value %s',
                        claim.log_partition, claim.log_offset, coalesce(r.headers ->> :ce_id, '(no ce_id)'),
                        coalesce(r.headers ->> :ce_time, '(no ce_time)'), r.key,
                        coalesce(body.value::text, 'that is not JSON'))
       end as what
  from json_to_recordset(:claims) as claim (order_id bigint, version integer, status text, is_skipped boolean,
                                            moment timestamptz, log_partition integer, log_offset bigint)
  left join records r
    on r.topic = :order_events and r.partition = claim.log_partition and r."offset" = claim.log_offset
  left join kept on kept.partition = claim.log_partition
  left join lateral (select case when pg_input_is_valid(encode(r.value, 'escape'), 'jsonb')
                                 then encode(r.value, 'escape')::jsonb
                            end as value) as body on true
  left join lateral (select case when pg_input_is_valid(r.headers ->> :ce_time, 'timestamptz')
                                 then date_trunc('milliseconds', (r.headers ->> :ce_time)::timestamptz)
                            end as in_headers,
                            case when pg_input_is_valid(body.value ->> 'moment', 'timestamptz')
                                 then date_trunc('milliseconds', (body.value ->> 'moment')::timestamptz)
                            end as in_value,
                            date_trunc('milliseconds', claim.moment) as claimed) as moment on true
 where case when r."offset" is null
            then not coalesce(claim.log_offset < kept.first
                              and claim.moment < clock_timestamp() - interval '1 hour', false)
            else r.key <> claim.order_id::text
                 or r.headers ->> :ce_id is distinct from claim.order_id || '-' || claim.version
                 or r.headers ->> :ce_sequence is distinct from claim.version::text
                 or moment.in_headers is distinct from moment.claimed
                 -- A skipped version is a marker without a value, unless the event itself had been sent before it was
                 -- skipped.
                 or not (coalesce(claim.is_skipped, false)
                         and r.headers ->> :ce_type is not distinct from :version_skipped)
                    and (body.value ->> 'order_id' is distinct from claim.order_id::text
                         or body.value ->> 'status' is distinct from claim.status
                         or moment.in_value is distinct from moment.claimed)
       end

/* @name log = events */
-- :records are records of the log (partition, offset, key, ce_id, order_id, version, is_marker, status, moment,
-- ce_time). For each, loms has an event with the same order, version and status, and with the same moment to the
-- millisecond. A marker has no status, and is there only for a skipped event.
select format('record %s/%s', r.partition, r."offset") as id,
       format('%s of %s with key %s tells %s; %s', coalesce(r.ce_id, 'an event without ce_id'),
              coalesce(r.ce_time::text, '(no ce_time)'), r.key,
              case when r.is_marker
                   then 'a skipped version'
                   else format('%s of %s', coalesce(r.status, '(no status)'), coalesce(r.moment::text, '(no moment)'))
              end,
              case when e.version is null
                   then 'loms has no such event'
                   else format('loms says %s of %s', e.status, e.moment)
              end) as what
  from json_to_recordset(:records) as r (partition integer, "offset" bigint, key text, ce_id text, order_id bigint,
                                         version integer, is_marker boolean, status text, moment timestamptz,
                                         ce_time timestamptz)
  left join order_events e on e.order_id = r.order_id and e.version = r.version
 where e.version is null
    or r.key <> e.order_id::text
    or (r.is_marker and not e.skipped)
    or date_trunc('milliseconds', r.ce_time) is distinct from date_trunc('milliseconds', e.moment)
    or (not r.is_marker
        and (r.status is distinct from e.status::text
             or date_trunc('milliseconds', r.moment) is distinct from date_trunc('milliseconds', e.moment)))

/* @name log without gaps */
-- The offsets of a partition count up to its next offset without gaps. They begin at 0, or later if older records were
-- pruned, which happens only to records that every group has read. No group has read past the end.
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
       format('%s records from %s to %s; the next offset is %s, and every group has read to %s', records, first, last,
              next_offset, read_to) as what
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

/* @name log without gaps, on Kafka */
-- The same for the newest records of each partition, which are always fetched. Kafka says where a partition begins.
with partition_state as (
  select p.topic, p.partition, p.first_offset, p.next_offset, r.records, r.first, reader.name,
         coalesce(g.next_offset, 0) as read_to
    from partitions p
    cross join lateral (select count(*) as records, coalesce(min("offset"), p.next_offset) as first
                          from records
                         where topic = p.topic
                           and partition = p.partition
                           and "offset" >= greatest(p.first_offset, p.next_offset - :newest_records::bigint)) as r
    cross join unnest(:groups::text[]) as reader (name)
    left join group_partitions g on g.topic = p.topic and g.partition = p.partition and g.group_name = reader.name
)
select format('partition %s of %s', partition, topic) as id,
       format('%s records from %s to %s; the partition begins at %s, and group %s has read to %s', records, first,
              next_offset, first_offset, name, read_to) as what
  from partition_state
 where records <> next_offset - greatest(first_offset, next_offset - :newest_records::bigint)
    or first_offset > read_to
    or read_to > next_offset

/* @name log in order */
-- An event may be repeated, but the first occurrences of an order's events lie in order and in one partition. A
-- partition that was pruned may have lost first occurrences, so it is left out.
with occurrence as (
  select key, partition, "offset",
         case when headers ->> :ce_sequence ~ '^[1-9]\d{0,8}$' then (headers ->> :ce_sequence)::integer end as version
    from records
   where topic = :order_events
     and partition in (select partition from records where topic = :order_events and "offset" = 0)
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
       format('its first record lies in partition %s at offset %s, and that of version %s in partition %s at offset %s',
              partition, "offset", version_before, partition_before, offset_before) as what
  from history
 where version is distinct from version_before + 1
    or partition <> partition_before
    or "offset" < offset_before
