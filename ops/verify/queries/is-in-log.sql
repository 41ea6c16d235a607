-- $1: what somebody says lies in the log (order_id, version, status, is_skipped, moment, log_partition, log_offset).
-- There must be a record at that place, with that order as its key, that version as its identity, that status, and that
-- moment to the millisecond, of which events are made. Only what is old may be gone: records are pruned from the front of a
-- partition, and none that is younger than an hour.
with kept as (
  select p.partition, coalesce((select min("offset") from records where topic = p.topic and partition = p.partition),
                               p.next_offset) as first
    from partitions p
   where p.topic = 'loms.order-events'
)
select format('order %s version %s', said.order_id, said.version) as id,
       case when r."offset" is null
            then format('nothing lies in partition %s at offset %s', said.log_partition, said.log_offset)
            else format('in partition %s at offset %s lies %s of %s with key %s and value %s', said.log_partition, said.log_offset,
                        coalesce(r.headers ->> 'ce_id', 'an event without ce_id'), coalesce(r.headers ->> 'ce_time', 'no time'), r.key,
                        coalesce(body.value::text, 'no JSON'))
       end as what
  from json_to_recordset($1::json) as said (order_id bigint, version integer, status text, is_skipped boolean,
                                            moment timestamptz, log_partition integer, log_offset bigint)
  left join records r
    on r.topic = 'loms.order-events' and r.partition = said.log_partition and r."offset" = said.log_offset
  left join kept on kept.partition = said.log_partition
  left join lateral (select case when pg_input_is_valid(encode(r.value, 'escape'), 'jsonb')
                                 then encode(r.value, 'escape')::jsonb
                            end as value) as body on true
  left join lateral (select case when pg_input_is_valid(r.headers ->> 'ce_time', 'timestamptz')
                                 then date_trunc('milliseconds', (r.headers ->> 'ce_time')::timestamptz)
                            end as in_headers,
                            case when pg_input_is_valid(body.value ->> 'moment', 'timestamptz')
                                 then date_trunc('milliseconds', (body.value ->> 'moment')::timestamptz)
                            end as in_value,
                            date_trunc('milliseconds', said.moment) as said) as moment on true
 where case when r."offset" is null
            then not coalesce(said.log_offset < kept.first and said.moment < clock_timestamp() - interval '1 hour', false)
            else r.key <> said.order_id::text
                 or r.headers ->> 'ce_id' is distinct from said.order_id || '-' || said.version
                 or r.headers ->> 'ce_sequence' is distinct from said.version::text
                 or moment.in_headers is distinct from moment.said
                 -- A skipped version is a marker, but an earlier copy of the event itself may have come first.
                 or not (coalesce(said.is_skipped, false) and r.headers ->> 'ce_type' is not distinct from 'tally.order.version-skipped.v1')
                    and (body.value ->> 'order_id' is distinct from said.order_id::text
                         or body.value ->> 'status' is distinct from said.status
                         or moment.in_value is distinct from moment.said)
       end
