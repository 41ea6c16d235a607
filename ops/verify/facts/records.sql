-- $1: partition. $2, $3: from this offset on, below that one. What is no identity of ours has none.
select r.partition, r."offset", r.key, identity.ce_id,
       case when identity.is_ours then split_part(identity.ce_id, '-', 1)::bigint  end as order_id,
       case when identity.is_ours then split_part(identity.ce_id, '-', 2)::integer end as version,
       r.headers ->> 'ce_type' is not distinct from 'tally.order.version-skipped.v1' as is_marker,
       body.value ->> 'status' as status,
       case when pg_input_is_valid(body.value ->> 'moment', 'timestamptz')
            then (body.value ->> 'moment')::timestamptz
       end as moment,
       case when pg_input_is_valid(r.headers ->> 'ce_time', 'timestamptz')
            then (r.headers ->> 'ce_time')::timestamptz
       end as ce_time
  from records r
  cross join lateral (select r.headers ->> 'ce_id' as ce_id,
                             r.headers ->> 'ce_id' ~ '^[1-9]\d{0,17}-[1-9]\d{0,8}$' as is_ours) as identity
  cross join lateral (select case when pg_input_is_valid(encode(r.value, 'escape'), 'jsonb')
                                  then encode(r.value, 'escape')::jsonb
                             end as value) as body
 where r.topic = 'loms.order-events'
   and r.partition = $1::integer
   and r."offset" >= $2::bigint
   and r."offset" <  $3::bigint
