-- $1: notifications (order_id, version, status, state). Nothing is told that did not happen.
select format('order %s version %s', n.order_id, n.version) as id,
       case when e.version is null
            then format('was told as %s; loms has no such event', n.status)
            else format('was told as %s; it is %s', n.status, e.status)
       end as what
  from json_to_recordset($1::json) as n (order_id bigint, version integer, status text, state text)
  left join order_events e on e.order_id = n.order_id and e.version = n.version
 where n.state <> 'dead'
   and n.status is distinct from e.status::text
