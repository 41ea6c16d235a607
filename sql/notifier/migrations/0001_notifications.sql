-- Up Migration

-- The clock of business deadlines. Only tests and the laboratory shift it; a service in production mode refuses to
-- start unless the shift is zero.
create table tally_clock (
  one   boolean  primary key default true check (one),
  shift interval not null default '0'
);
insert into tally_clock default values;

create function tally_now() returns timestamptz
  language sql volatile
  return clock_timestamp() + (select shift from tally_clock);

-- parked: the version came early and waits for one before it. applied: the shopper was told of it. dead: its event
-- could not be read, or an operator skipped it, and the versions after it do not wait for it.
create type notification_state as enum ('parked', 'applied', 'dead');

-- The inbox, which is also the record of what was told.
create table notifications (
  order_id      bigint             not null,
  version       integer            not null check (version > 0),
  -- Status and moment are null when the version is dead and its event does not say them.
  status        text,
  moment        timestamptz,
  state         notification_state not null,
  received_at   timestamptz        not null,
  told_at       timestamptz,
  traceparent   text,
  log_partition integer            not null,
  log_offset    bigint             not null,
  -- Why the version is dead.
  reason        text,
  primary key (order_id, version),
  check ((state = 'applied') = (told_at is not null)),
  check ((state = 'dead') = (reason is not null)),
  check (state = 'dead' or (status is not null and moment is not null))
);

create index notifications_parked on notifications (received_at) where state = 'parked';
create index notifications_dead on notifications (received_at) where state = 'dead';

-- Events that do not name their order and version.
create table unreadable_events (
  log_partition integer     not null,
  log_offset    bigint      not null,
  received_at   timestamptz not null,
  reason        text        not null,
  primary key (log_partition, log_offset)
);
