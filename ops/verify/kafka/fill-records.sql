-- $1: topic. $2 to $7: partition, offset, key, value, headers, moment. One that is there already was read before.
insert into records (topic, partition, "offset", key, value, headers, moment)
select $1, given.*
  from unnest($2::integer[], $3::bigint[], $4::text[], $5::bytea[], $6::jsonb[], $7::timestamptz[]) as given
on conflict do nothing
