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

create type order_status  as enum ('new', 'awaiting payment', 'failed', 'payed', 'cancelled');
create type order_cause   as enum ('shortage', 'checkout expired', 'shopper', 'payment expired');
create type movement_kind as enum ('receipt', 'reserve', 'release', 'ship', 'adjust');

-- Counters, derived from stock_movements and guarded by their checks.
create table stocks (
  sku      bigint primary key check (sku between 1 and 4294967295),
  total    bigint not null check (total >= 0),
  -- Goods reserved outside this system; may exceed the total.
  held     bigint not null check (held >= 0),
  -- Goods reserved by orders awaiting payment.
  reserved bigint not null check (reserved between 0 and total)
);

-- Ids are drawn by loms before it decides, so that a refusal can name the failed order.
create sequence order_ids;

create table orders (
  id         bigint       primary key,
  user_id    bigint       not null check (user_id > 0),
  status     order_status not null,
  -- Why the order failed or was cancelled.
  cause      order_cause,
  -- The checkout id, else a UUID that loms drew on arrival. Unique for ever: it makes two orders of one request impossible.
  request_id uuid         not null unique,
  -- The refusal of a failed order as it was answered: {"reason", "message", "values"}.
  refusal    jsonb,
  pay_before timestamptz  not null,
  -- The version of its newest event.
  version    integer      not null check (version > 0),
  check ((status in ('failed', 'cancelled')) = (cause is not null)),
  check ((status = 'failed') = (refusal is not null))
);

-- The expiry sweep reads due orders in the order of their deadline.
create index orders_due on orders (pay_before) where status = 'awaiting payment';

create table order_lines (
  order_id bigint  not null,
  sku      bigint  not null,
  count    integer not null check (count between 1 and 65535),
  name     text    not null,
  price    bigint  not null,
  primary key (order_id, sku)
);

-- The ledger. Append only.
create table stock_movements (
  sku            bigint        not null,
  order_id       bigint,
  kind           movement_kind not null,
  total_delta    bigint        not null,
  reserved_delta bigint        not null,
  held_delta     bigint        not null,
  moment         timestamptz   not null,
  -- Makes a double reserve, release or ship impossible. Receipts have no order, and nulls are distinct.
  unique (order_id, sku, kind)
);

create index stock_movements_by_sku on stock_movements (sku);

-- The order's history, the outbox and the events' identity in one.
create table order_events (
  -- Cache 1, drawn under the order's lock: per order it rises with the version.
  position      bigint       generated always as identity (cache 1) primary key,
  order_id      bigint       not null,
  version       integer      not null check (version > 0),
  status        order_status not null,
  cause         order_cause,
  moment        timestamptz  not null,
  traceparent   text,
  -- Where the log acknowledged it; null: not yet published.
  log_partition integer,
  log_offset    bigint,
  -- Why the log refused this very record; its order waits from this version on.
  quarantine    text,
  -- An operator decided to skip it: the relay publishes a marker of this version instead.
  skipped       boolean      not null default false,
  unique (order_id, version),
  check ((log_partition is null) = (log_offset is null)),
  check (quarantine is null or log_offset is null)
);

-- What the relay polls.
create index order_events_unpublished on order_events (position) where log_offset is null;

-- Almost always empty: what an operator has to look at.
create index order_events_quarantined on order_events (order_id, version) where quarantine is not null and log_offset is null;

-- Idempotency keys of OrderCreate. A key lives until its row is deleted: the look-up has no age filter.
create table order_keys (
  user_id      bigint      not null,
  key          text        not null,
  request_hash bytea       not null,
  order_id     bigint      not null,
  created_at   timestamptz not null,
  primary key (user_id, key)
);

create index order_keys_by_age on order_keys (created_at);

-- Exactly one instance should do a thing. Correctness never rests on it.
create table leases (
  name       text        primary key,
  holder     uuid        not null,
  expires_at timestamptz not null
);

-- Who decided to change or skip what, by hand.
create table audit (
  id      bigint      generated always as identity primary key,
  moment  timestamptz not null default clock_timestamp(),
  action  text        not null,
  subject text        not null,
  reason  text        not null
);
