-- Up Migration

-- The event log on PostgreSQL, for one machine. Kafka is the log for production.

create table partitions (
  topic       text    not null,
  partition   integer not null check (partition >= 0),
  -- Not a sequence: a later value of a sequence can become visible before an earlier one, and a reader that follows would
  -- skip the earlier one for ever. This counter is raised under the row's lock, so offsets appear in order, without gaps.
  next_offset bigint  not null default 0,
  primary key (topic, partition)
);

create table records (
  topic     text        not null,
  partition integer     not null,
  "offset"  bigint      not null,
  key       text        not null,
  value     bytea       not null,
  headers   jsonb       not null,
  moment    timestamptz not null default clock_timestamp(),
  primary key (topic, partition, "offset")
);

-- A group's members are those whose heartbeat is young.
create table group_members (
  group_name   text        not null,
  topic        text        not null,
  member       uuid        not null,
  heartbeat_at timestamptz not null,
  primary key (group_name, topic, member)
);

-- What a group has read of a partition, and who reads it now.
create table group_partitions (
  group_name  text    not null,
  topic       text    not null,
  partition   integer not null,
  -- The next offset to read. Never goes back.
  next_offset bigint  not null default 0,
  holder      uuid,
  -- Raised with every change of the holder: a commit with an older token is refused.
  token       bigint  not null default 0,
  expires_at  timestamptz,
  primary key (group_name, topic, partition)
);
