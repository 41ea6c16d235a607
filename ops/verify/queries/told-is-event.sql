-- $1: notifications (order_id, version, status, state, moment). Nothing is told that did not happen, or happened at
-- another moment, to the millisecond.
select format('order %s version %s', n.order_id, n.version) as id,
       case when e.version is null
            then format('was told as %s of %s; loms has no such event', n.status, n.moment)
            else format('was told as %s of %s; it is %s of %s', n.status, n.moment, e.status, e.moment)
       end as what
  from json_to_recordset($1::json) as n (order_id bigint, version integer, status text, state text,
                                         moment timestamptz)
  left join order_events e on e.order_id = n.order_id and e.version = n.version
 where n.state <> 'dead'
   and (n.status is distinct from e.status::text
        or date_trunc('milliseconds', n.moment) is distinct from date_trunc('milliseconds', e.moment))
