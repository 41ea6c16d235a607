-- $1: topic. $2: group. $3, $4: partition, next offset.
insert into group_partitions (topic, group_name, partition, next_offset)
select $1, $2, given.*
  from unnest($3::integer[], $4::bigint[]) as given
