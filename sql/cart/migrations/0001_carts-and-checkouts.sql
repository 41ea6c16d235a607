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

-- Every write to a cart first locks its row.
create table carts (
  user_id bigint primary key check (user_id > 0)
);

create table cart_items (
  -- A line that was removed and added again is another line: a checkout takes its counts from the ids it froze.
  id      bigint  generated always as identity primary key,
  user_id bigint  not null references carts,
  sku     bigint  not null check (sku between 1 and 4294967295),
  count   integer not null check (count between 1 and 65535),
  -- As last seen in the product service.
  name    text    not null check (char_length(name) <= 500),
  price   bigint  not null,
  unique (user_id, sku)
);

-- Idempotency keys of AddItem.
create table add_keys (
  user_id      bigint      not null,
  key          text        not null,
  request_hash bytea       not null,
  created_at   timestamptz not null,
  primary key (user_id, key)
);

create index add_keys_by_age on add_keys (created_at);

create type checkout_state as enum ('open', 'done', 'refused');

-- The checkout intent. Its id is the request id of the one order that it can lead to.
create table checkouts (
  id            uuid           primary key,
  user_id       bigint         not null references carts,
  state         checkout_state not null,
  frozen_at     timestamptz    not null,
  -- From this moment on loms creates no order of it.
  decide_before timestamptz    not null,
  -- A live caller or a resumer works on it until then, by clock_timestamp(). It saves double work; two are correct too.
  claimed_until timestamptz    not null,
  closed_at     timestamptz,
  -- done: the order. refused: the failed order that loms keeps under this id; null only after a conflict or by hand.
  order_id      bigint,
  -- How a refused one is answered: {"kind", "reason", "domain", "message", "values"}.
  refusal       jsonb,
  check ((state = 'open') = (closed_at is null)),
  check (state <> 'open' or order_id is null),
  check (state <> 'done' or order_id is not null),
  check ((state = 'refused') = (refusal is not null))
);

create unique index checkouts_one_open on checkouts (user_id) where state = 'open';
create index checkouts_to_resume on checkouts (claimed_until) where state = 'open';
create index checkouts_last_done on checkouts (user_id, closed_at desc) where state = 'done';

-- The frozen lines, of which alone every send is made.
create table checkout_lines (
  checkout_id uuid    not null references checkouts,
  line_id     bigint  not null,
  sku         bigint  not null,
  count       integer not null,
  name        text    not null,
  price       bigint  not null,
  primary key (checkout_id, sku)
);

-- Idempotency keys of Checkout: several presses may bring several.
create table checkout_keys (
  user_id     bigint      not null,
  key         text        not null,
  checkout_id uuid        not null references checkouts,
  created_at  timestamptz not null,
  primary key (user_id, key)
);

create index checkout_keys_by_checkout on checkout_keys (checkout_id);
create index checkout_keys_by_age on checkout_keys (created_at);

-- Who decided to change what, by hand.
create table audit (
  id      bigint      generated always as identity primary key,
  moment  timestamptz not null default clock_timestamp(),
  action  text        not null,
  subject text        not null,
  reason  text        not null
);
