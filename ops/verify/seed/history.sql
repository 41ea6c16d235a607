-- The beginning of a statement that selects from `made`, `line` or `event`. These are the orders, lines and events of a
-- made-up history of :orders orders, which ends at the moment :until. Everything about an order is computed from its
-- number, so the history is the same in every database. One in ten of the newest :newest orders awaits payment.
with made as (
  select n,
         case when n % 10 = 0                           then 'failed'
              when n % 10 in (7, 8)                     then 'cancelled'
              when n % 10 = 9 and n > :orders - :newest then 'awaiting payment'
              else                                           'payed'
         end as status,
         :until::timestamptz - (:orders - n) * interval '10 ms' as moment
    from generate_series(1, :orders::bigint) as n
),
line as (
  select n, status, moment, 1 + (n * 7 + i * 13) % 1000 as sku, 1 + (n + i) % 3 as count
    from made, generate_series(0, 2) as i
   where i <= n % 3
),
event as (
  select n, e.version, e.status, made.moment,
         (n % 6)::integer as partition,
         row_number() over (partition by n % 6 order by n, e.version) - 1 as "offset"
    from made,
         lateral (values (1, 'new'),
                         (2, case made.status when 'failed' then 'failed' else 'awaiting payment' end),
                         (3, case when made.status in ('payed', 'cancelled') then made.status end))
           as e (version, status)
   where e.status is not null
)
