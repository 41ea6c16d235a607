-- Up Migration

-- The event log on PostgreSQL, for one machine. Kafka is the log for production.

create table partitions (
  topic       text    not null,
  partition   integer not null check (partition >= 0),
  -- This counter is raised under the row's lock, so offsets become visible in order and without gaps. With a sequence, a
  -- later value could become visible before an earlier one, and a reader would skip the earlier one for ever.
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

-- The members of each group. One whose last heartbeat is too old counts as dead.
create table group_members (
  group_name   text        not null,
  topic        text        not null,
  member       uuid        not null,
  heartbeat_at timestamptz not null,
  primary key (group_name, topic, member)
);

-- The offset of each group in each partition, and the lease of the member that reads it.
create table group_partitions (
  group_name  text    not null,
  topic       text    not null,
  partition   integer not null,
  -- The next offset to read. It never decreases.
  next_offset bigint  not null default 0,
  holder      uuid,
  -- Fencing token, raised with each change of the holder. A commit with an older token changes nothing.
  token       bigint  not null default 0,
  expires_at  timestamptz,
  primary key (group_name, topic, partition)
);
