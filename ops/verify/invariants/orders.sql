/* @name histories */
-- :chosen are orders (id). :steps is the table of the contract: every step that an order may take.
with step as (
  select * from json_to_recordset(:steps) as step (before text, after text, cause text, refusal text)
),
history as (
  select e.order_id, e.version, e.status::text, e.cause::text,
         lag(e.version, 1, 0) over history      as version_before,
         lag(e.status::text)  over history      as status_before,
         lead(e.version) over history is null   as is_last
    from json_to_recordset(:chosen) as given (id bigint)
    join order_events e on e.order_id = given.id
  window history as (partition by e.order_id order by e.version)
)
select format('order %s version %s', h.order_id, h.version) as id,
       format('%s (cause %s) follows %s (version %s)', h.status, coalesce(h.cause, 'none'),
              coalesce(h.status_before, 'nothing'), h.version_before) as what
  from history h
 where h.version <> h.version_before + 1
    or not exists (select
                     from step s
                    where s.before is not distinct from h.status_before
                      and s.after = h.status
                      and s.cause is not distinct from h.cause)
union all
select 'order ' || given.id,
       case when o.id is null then 'does not exist, but other rows name it'
            when o.status = 'new' then 'is new, a status that no order keeps'
            else format('is %s at version %s (cause %s); its last event is %s at version %s (cause %s)', o.status,
                        o.version, coalesce(o.cause::text, 'none'), h.status, h.version, coalesce(h.cause, 'none'))
       end
  from json_to_recordset(:chosen) as given (id bigint)
  left join orders o on o.id = given.id
  left join history h on h.order_id = given.id and h.is_last
 where o.id is null
    or o.status = 'new'
    or (o.version, o.status::text, o.cause::text) is distinct from (h.version, h.status, h.cause)
union all
-- A refused order keeps its refusal, because a repeated OrderCreate must be refused with the same one.
select 'order ' || o.id,
       format('is %s because of %s, and its refusal is %s of order %s', o.status, o.cause,
              coalesce(o.refusal ->> 'reason', 'without a reason'),
              coalesce(o.refusal -> 'values' ->> 'orderId', 'none'))
  from json_to_recordset(:chosen) as given (id bigint)
  join orders o on o.id = given.id
 where o.status::text in (select after from step where refusal is not null)
   and (o.refusal -> 'values' ->> 'orderId' is distinct from o.id::text
        or not exists (select from step s where s.cause = o.cause::text and s.refusal = o.refusal ->> 'reason'))

/* @name paid in time */
-- :chosen are orders (id). The time to pay is configured and may have been changed, but is at most a day, so the
-- deadline lies within a day after the first event. An order that stops awaiting payment has expired if and only if its
-- deadline had passed.
select 'order ' || o.id as id,
       format('was made at %s with the deadline %s; it has been %s since %s (cause %s)', made.moment, o.pay_before,
              coalesce(next.status, o.status), coalesce(next.moment, made.moment),
              coalesce(next.cause::text, 'none')) as what
  from json_to_recordset(:chosen) as given (id bigint)
  join orders o on o.id = given.id
  join order_events made on made.order_id = o.id and made.version = 1
  left join order_events waiting on waiting.order_id = o.id and waiting.status = 'awaiting payment'
  left join order_events next on next.order_id = o.id and next.version = waiting.version + 1
 where o.pay_before <= made.moment
    or o.pay_before > made.moment + interval '1 day'
    or (next.moment >= o.pay_before) <> coalesce(next.cause = 'payment expired', false)

/* @name skipped = audited */
-- :chosen are orders (id). The audit names a skipped event as `order-version`.
select format('order %s version %s', e.order_id, e.version) as id,
       'is skipped, but the table audit has no decision of an operator to skip it' as what
  from json_to_recordset(:chosen) as given (id bigint)
  join order_events e on e.order_id = given.id
 where e.skipped
   and not exists (select
                     from audit a
                    where a.action = 'skip event'
                      and a.subject = e.order_id || '-' || e.version)
