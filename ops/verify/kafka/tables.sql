-- The log as the rules know it from PostgreSQL, for one transaction. Kafka alone knows where a partition begins.
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
