-- Up Migration

-- The offset of the clock by which business deadlines are measured. Only tests and the fault laboratory change it. In
-- production mode, loms does not start unless it is zero.
create table tally_clock (
  one   boolean  primary key default true check (one),
  shift interval not null default '0'
);
insert into tally_clock default values;

create function tally_now() returns timestamptz
  language sql volatile
  return clock_timestamp() + (select shift from tally_clock);

create type order_status  as enum ('new', 'awaiting payment', 'failed', 'payed', 'cancelled');
create type order_cause   as enum ('shortage', 'checkout expired', 'shopper', 'payment expired');
create type movement_kind as enum ('receipt', 'reserve', 'release', 'ship', 'adjust');

-- The counters of each sku. They are the sums of its rows in stock_movements. Their checks keep orders from reserving
-- more than the total; only loms also leaves out the held units.
create table stocks (
  sku      bigint primary key check (sku between 1 and 4294967295),
  total    bigint not null check (total >= 0),
  -- Units reserved outside this system. May exceed the total.
  held     bigint not null check (held >= 0),
  -- Units reserved by orders that await payment.
  reserved bigint not null check (reserved between 0 and total)
);

-- loms draws order ids before it decides, so that a refusal can name the failed order.
create sequence order_ids;

create table orders (
  id         bigint       primary key,
  user_id    bigint       not null check (user_id > 0),
  status     order_status not null,
  -- Why the order failed or was cancelled.
  cause      order_cause,
  -- The checkout id, or a UUID that loms drew when the request had none. The constraint makes two orders of one request
  -- impossible.
  request_id uuid         not null unique,
  -- The refusal with which a failed order was answered: {"reason", "message", "values"}.
  refusal    jsonb,
  pay_before timestamptz  not null,
  -- The version of its newest event.
  version    integer      not null check (version > 0),
  check ((status in ('failed', 'cancelled')) = (cause is not null)),
  check ((status = 'failed') = (refusal is not null))
);

-- Serves the expiry sweep, which reads due orders by their deadline.
create index orders_due on orders (pay_before) where status = 'awaiting payment';

create table order_lines (
  order_id bigint  not null,
  sku      bigint  not null,
  count    integer not null check (count between 1 and 65535),
  name     text    not null,
  price    bigint  not null,
  primary key (order_id, sku)
);

-- The stock ledger. Rows are only ever added.
create table stock_movements (
  sku            bigint        not null,
  order_id       bigint,
  kind           movement_kind not null,
  total_delta    bigint        not null,
  reserved_delta bigint        not null,
  held_delta     bigint        not null,
  moment         timestamptz   not null,
  -- Makes a second reserve, release or ship of an order's line impossible. Receipts and adjustments have no order, and
  -- nulls are distinct, so the constraint does not limit them.
  unique (order_id, sku, kind)
);

create index stock_movements_by_sku on stock_movements (sku);

-- The status history of each order. It is also the outbox: a row is unpublished until it has a log offset.
create table order_events (
  -- Drawn under the order's lock and with cache 1, so the positions of an order's events ascend with their versions.
  position      bigint       generated always as identity (cache 1) primary key,
  order_id      bigint       not null,
  version       integer      not null check (version > 0),
  status        order_status not null,
  cause         order_cause,
  moment        timestamptz  not null,
  traceparent   text,
  -- The place at which the log acknowledged the event. Null until it is published.
  log_partition integer,
  log_offset    bigint,
  -- Why the log refused the event. The order is not published from this version on, until an operator decides.
  quarantine    text,
  -- Whether an operator decided to skip the event. Then the relay publishes a marker in its place.
  skipped       boolean      not null default false,
  unique (order_id, version),
  check ((log_partition is null) = (log_offset is null)),
  check (quarantine is null or log_offset is null)
);

-- Serves the relay, which reads unpublished events by position.
create index order_events_unpublished on order_events (position) where log_offset is null;

-- The events that an operator has to decide on. Almost always empty.
create index order_events_quarantined on order_events (order_id, version)
  where quarantine is not null and log_offset is null;

-- The idempotency keys of OrderCreate. A key is honoured until its row is deleted, because the look-up ignores its age.
create table order_keys (
  user_id      bigint      not null,
  key          text        not null,
  request_hash bytea       not null,
  order_id     bigint      not null,
  created_at   timestamptz not null,
  primary key (user_id, key)
);

create index order_keys_by_age on order_keys (created_at);

-- The instances that do work which only one instance at a time should do, such as the relay. Nothing becomes wrong when
-- two of them do it at once.
create table leases (
  name       text        primary key,
  holder     uuid        not null,
  expires_at timestamptz not null
);

-- What operators changed by hand, and why.
create table audit (
  id      bigint      generated always as identity primary key,
  moment  timestamptz not null default clock_timestamp(),
  action  text        not null,
  subject text        not null,
  reason  text        not null
);
