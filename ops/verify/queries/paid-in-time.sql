-- $1: chosen orders (id). How long an order may stay unpaid is configured, up to a day, and may have changed since: so the
-- deadline lies within a day of the first event. At or past it an order is cancelled because of it, and before it never.
select 'order ' || o.id as id,
       format('of %s was to be paid before %s; is %s since %s (cause %s)', made.moment, o.pay_before, last.status, last.moment,
              coalesce(last.cause::text, 'none')) as what
  from json_to_recordset($1::json) as given (id bigint)
  join orders o on o.id = given.id
  join order_events made on made.order_id = o.id and made.version = 1
  join order_events last on last.order_id = o.id and last.version = o.version
 where o.pay_before <= made.moment
    or o.pay_before > made.moment + interval '1 day'
    or (last.status in ('payed', 'cancelled')
        and (last.moment >= o.pay_before) <> coalesce(last.cause = 'payment expired', false))
