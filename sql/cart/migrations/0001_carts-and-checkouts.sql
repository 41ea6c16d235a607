-- Up Migration

-- The clock of every business deadline. Only tests shift it: in production, cart refuses to start unless the shift is zero.
create table tally_clock (
  one   boolean  primary key default true check (one),
  shift interval not null default '0'
);
insert into tally_clock default values;

create function tally_now() returns timestamptz
  language sql volatile
  return clock_timestamp() + (select shift from tally_clock);

-- Every transaction that changes a cart locks its row here first.
create table carts (
  user_id bigint primary key check (user_id > 0)
);

create table cart_items (
  -- A line that is removed and added again gets a new id, so that a checkout subtracts its counts only from lines it froze.
  id      bigint  generated always as identity primary key,
  user_id bigint  not null references carts,
  sku     bigint  not null check (sku between 1 and 4294967295),
  count   integer not null check (count between 1 and 65535),
  -- Name and price as the product service gave them last.
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

-- Checkouts: each is the intent to order what a cart held at one moment. loms makes at most one order for an id.
create table checkouts (
  id            uuid           primary key,
  user_id       bigint         not null references carts,
  state         checkout_state not null,
  frozen_at     timestamptz    not null,
  -- From this moment on loms makes no order for the checkout.
  decide_before timestamptz    not null,
  -- Until then, by clock_timestamp(), the checkout is left to the caller or resumer that works on it. This only saves work:
  -- two that finish the same checkout get the same result.
  claimed_until timestamptz    not null,
  closed_at     timestamptz,
  -- done: the order. refused: the failed order that loms keeps under this id, or null when loms keeps none (the id was
  -- taken, or an operator abandoned the checkout).
  order_id      bigint,
  -- How callers of a refused checkout are answered: {"kind", "reason", "domain", "message", "values"}.
  refusal       jsonb,
  check ((state = 'open') = (closed_at is null)),
  check (state <> 'open' or order_id is null),
  check (state <> 'done' or order_id is not null),
  check ((state = 'refused') = (refusal is not null))
);

create unique index checkouts_one_open on checkouts (user_id) where state = 'open';
create index checkouts_to_resume on checkouts (claimed_until) where state = 'open';
create index checkouts_last_done on checkouts (user_id, closed_at desc) where state = 'done';

-- The frozen lines. Every request to loms is made of them.
create table checkout_lines (
  checkout_id uuid    not null references checkouts,
  line_id     bigint  not null,
  sku         bigint  not null,
  count       integer not null,
  name        text    not null,
  price       bigint  not null,
  primary key (checkout_id, sku)
);

-- Idempotency keys of Checkout. A checkout has one for each press that came with a key.
create table checkout_keys (
  user_id     bigint      not null,
  key         text        not null,
  checkout_id uuid        not null references checkouts,
  created_at  timestamptz not null,
  primary key (user_id, key)
);

create index checkout_keys_by_checkout on checkout_keys (checkout_id);
create index checkout_keys_by_age on checkout_keys (created_at);

-- Changes that an operator made by hand, with the reason.
create table audit (
  id      bigint      generated always as identity primary key,
  moment  timestamptz not null default clock_timestamp(),
  action  text        not null,
  subject text        not null,
  reason  text        not null
);
