/* @name create tables */
-- Creates the tables that the log has on PostgreSQL, for one transaction. The table partitions has one more column,
-- first_offset, which says where a partition begins. The records cannot say that here, because not all are fetched.
create temporary table partitions (
  topic        text    not null,
  partition    integer not null,
  first_offset bigint  not null,
  next_offset  bigint  not null,
  primary key (topic, partition)
) on commit drop;

create temporary table records (
  topic     text        not null,
  partition integer     not null,
  "offset"  bigint      not null,
  key       text        not null,
  value     bytea       not null,
  headers   jsonb       not null,
  moment    timestamptz not null,
  primary key (topic, partition, "offset")
) on commit drop;

create temporary table group_partitions (
  group_name  text    not null,
  topic       text    not null,
  partition   integer not null,
  next_offset bigint  not null,
  primary key (group_name, topic, partition)
) on commit drop;

/* @name insert partitions */
insert into partitions (topic, partition, first_offset, next_offset)
select :topic, given.*
  from unnest(:partitions::integer[], :firsts::bigint[], :nexts::bigint[]) as given

/* @name insert group */
insert into group_partitions (topic, group_name, partition, next_offset)
select :topic, :group, given.*
  from unnest(:partitions::integer[], :nexts::bigint[]) as given

/* @name insert records */
-- A record may have been fetched before.
insert into records (topic, partition, "offset", key, value, headers, moment)
select :topic, given.*
  from unnest(:partitions::integer[], :offsets::bigint[], :keys::text[], :values::bytea[], :headers::jsonb[],
              :moments::timestamptz[]) as given
on conflict do nothing
