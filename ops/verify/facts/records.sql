-- $1: partition. $2, $3: from this offset on, below that one. What is no identity of ours has none.
select r.partition, r."offset", r.key, identity.ce_id,
       case when identity.is_ours then split_part(identity.ce_id, '-', 1)::bigint  end as order_id,
       case when identity.is_ours then split_part(identity.ce_id, '-', 2)::integer end as version,
       r.headers ->> 'ce_type' = 'tally.order.version-skipped.v1' as is_marker,
       case when pg_input_is_valid(encode(r.value, 'escape'), 'jsonb')
            then encode(r.value, 'escape')::jsonb ->> 'status'
       end as status
  from records r
  cross join lateral (select r.headers ->> 'ce_id' as ce_id,
                             r.headers ->> 'ce_id' ~ '^[1-9]\d{0,17}-[1-9]\d{0,8}$' as is_ours) as identity
 where r.topic = 'loms.order-events'
   and r.partition = $1::integer
   and r."offset" >= $2::bigint
   and r."offset" <  $3::bigint
