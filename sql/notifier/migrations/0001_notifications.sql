-- Up Migration

-- The clock of every business deadline. Only tests and the laboratory move it; production refuses to start unless the
-- shift is zero.
create table tally_clock (
  one   boolean  primary key default true check (one),
  shift interval not null default '0'
);
insert into tally_clock default values;

create function tally_now() returns timestamptz
  language sql volatile
  return clock_timestamp() + (select shift from tally_clock);

-- parked: came before its turn. applied: told, in order. dead: poison or skipped by an operator; counts as passed.
create type notification_state as enum ('parked', 'applied', 'dead');

-- The inbox and the record of what was told, in one.
create table notifications (
  order_id      bigint             not null,
  version       integer            not null check (version > 0),
  -- Null where a dead event does not tell it.
  status        text,
  moment        timestamptz,
  state         notification_state not null,
  received_at   timestamptz        not null,
  told_at       timestamptz,
  traceparent   text,
  log_partition integer            not null,
  log_offset    bigint             not null,
  -- Why it is dead.
  reason        text,
  primary key (order_id, version),
  check ((state = 'applied') = (told_at is not null)),
  check ((state = 'dead') = (reason is not null)),
  check (state = 'dead' or (status is not null and moment is not null))
);

create index notifications_parked on notifications (received_at) where state = 'parked';
create index notifications_dead on notifications (received_at) where state = 'dead';

-- Dead events that do not even name an order and a version.
create table unreadable_events (
  log_partition integer     not null,
  log_offset    bigint      not null,
  received_at   timestamptz not null,
  reason        text        not null,
  primary key (log_partition, log_offset)
);
