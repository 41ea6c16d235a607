-- $1: what died at the notifier (order_id, version, log_partition, log_offset, received_at, reason); what could not be read
-- names no order. Of each there is a dead letter that says where it lay, or a marker lies there: an operator skipped it. No
-- dead letter is ever pruned, but a marker may be, as in is-in-log.sql.
with letter as materialized (
  select key, headers ->> 'ce_sequence' as version,
         headers ->> 'dead_letter_partition' as log_partition, headers ->> 'dead_letter_offset' as log_offset
    from records
   where topic = 'loms.order-events.dlq'
),
kept as (
  select p.partition, coalesce((select min("offset") from records where topic = p.topic and partition = p.partition),
                               p.next_offset) as first
    from partitions p
   where p.topic = 'loms.order-events'
)
select case when d.order_id is null
            then format('partition %s offset %s', d.log_partition, d.log_offset)
            else format('order %s version %s', d.order_id, d.version)
       end as id,
       format('is dead (%s); no dead letter says that it lay in partition %s at offset %s, and no marker lies there', d.reason,
              d.log_partition, d.log_offset) as what
  from json_to_recordset($1::json) as d (order_id bigint, version integer, log_partition integer, log_offset bigint,
                                         received_at timestamptz, reason text)
  left join kept on kept.partition = d.log_partition
 where not exists (select
                     from letter l
                    where l.log_partition = d.log_partition::text
                      and l.log_offset = d.log_offset::text
                      and (d.order_id is null or (l.key = d.order_id::text and l.version = d.version::text)))
   and not exists (select
                     from records r
                    where r.topic = 'loms.order-events'
                      and r.partition = d.log_partition
                      and r."offset" = d.log_offset
                      and r.key = d.order_id::text
                      and r.headers ->> 'ce_sequence' = d.version::text
                      and r.headers ->> 'ce_type' = 'tally.order.version-skipped.v1')
   and not coalesce(d.reason = 'skipped by an operator'
                    and d.log_offset < kept.first
                    and d.received_at < clock_timestamp() - interval '1 hour', false)
