-- $1: chosen orders (id). Each history goes from `new` along the contract's table, version by version, up to what the
-- order says of itself. The table stands here once more on purpose: a proof does not borrow the rule it proves.
with step (before, after, cause, refusal) as (
  values (null,               'new',              null,               null),
         ('new',              'awaiting payment', null,               null),
         ('new',              'failed',           'shortage',         'INSUFFICIENT_STOCK'),
         ('new',              'failed',           'checkout expired', 'CHECKOUT_EXPIRED'),
         ('awaiting payment', 'payed',            null,               null),
         ('awaiting payment', 'cancelled',        'shopper',          null),
         ('awaiting payment', 'cancelled',        'payment expired',  null)
),
history as (
  select e.order_id, e.version, e.status::text, e.cause::text,
         lag(e.version, 1, 0) over history      as version_before,
         lag(e.status::text)  over history      as status_before,
         lead(e.version) over history is null   as is_last
    from json_to_recordset($1::json) as given (id bigint)
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
       case when o.id is null then 'there is no such order, but something names it'
            when o.status = 'new' then 'is new, which no order stays'
            else format('is %s at version %s (cause %s); its events end with %s at %s (cause %s)', o.status, o.version,
                        coalesce(o.cause::text, 'none'), h.status, h.version, coalesce(h.cause, 'none'))
       end
  from json_to_recordset($1::json) as given (id bigint)
  left join orders o on o.id = given.id
  left join history h on h.order_id = given.id and h.is_last
 where o.id is null
    or o.status = 'new'
    or (o.version, o.status::text, o.cause::text) is distinct from (h.version, h.status, h.cause)
union all
-- What a failed order answers, for ever.
select 'order ' || o.id,
       format('failed because of %s; it answers %s, with order %s', o.cause, coalesce(o.refusal ->> 'reason', 'no reason'),
              coalesce(o.refusal -> 'values' ->> 'orderId', 'none'))
  from json_to_recordset($1::json) as given (id bigint)
  join orders o on o.id = given.id
 where o.status = 'failed'
   and (o.refusal -> 'values' ->> 'orderId' is distinct from o.id::text
        or not exists (select from step s where s.cause = o.cause::text and s.refusal = o.refusal ->> 'reason'))
