/* @name totals */
select coalesce(sum(next_offset), 0)::bigint as "records",
       count(*)                              as "partitions"
  from partitions
 where topic = :order_events

/* @name partitions */
select partition, next_offset
  from partitions
 where topic = :order_events
 order by partition

/* @name offsets */
-- How far each group has read.
select group_name, partition, next_offset
  from group_partitions
 where topic = :order_events

/* @name records */
-- The records of :partition from offset :from up to, but without, :below. order_id and version are null when the ce_id
-- does not have the form `order-version`.
select r.partition, r."offset", r.key, identity.ce_id,
       case when identity.is_valid then split_part(identity.ce_id, '-', 1)::bigint  end as order_id,
       case when identity.is_valid then split_part(identity.ce_id, '-', 2)::integer end as version,
       r.headers ->> :ce_type is not distinct from :version_skipped as is_marker,
       body.value ->> 'status' as status,
       case when pg_input_is_valid(body.value ->> 'moment', 'timestamptz')
            then (body.value ->> 'moment')::timestamptz
       end as moment,
       case when pg_input_is_valid(r.headers ->> :ce_time, 'timestamptz')
            then (r.headers ->> :ce_time)::timestamptz
       end as ce_time
  from records r
  cross join lateral (select r.headers ->> :ce_id as ce_id,
                             r.headers ->> :ce_id ~ '^[1-9]\d{0,17}-[1-9]\d{0,8}$' as is_valid) as identity
  cross join lateral (select case when pg_input_is_valid(encode(r.value, 'escape'), 'jsonb')
                                  then encode(r.value, 'escape')::jsonb
                             end as value) as body
 where r.topic = :order_events
   and r.partition = :partition::integer
   and r."offset" >= :from::bigint
   and r."offset" <  :below::bigint
