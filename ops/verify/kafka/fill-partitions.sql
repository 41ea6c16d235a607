-- $1: topic. $2, $3, $4: partition, first offset, next offset.
insert into partitions (topic, partition, first_offset, next_offset)
select $1, given.*
  from unnest($2::integer[], $3::bigint[], $4::bigint[]) as given
