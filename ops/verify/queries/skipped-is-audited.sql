-- $1: chosen orders (id). A version is skipped by an operator's decision, which is kept with its reason.
select format('order %s version %s', e.order_id, e.version) as id,
       'is skipped, but the audit does not say that an operator decided so' as what
  from json_to_recordset($1::json) as given (id bigint)
  join order_events e on e.order_id = given.id
 where e.skipped
   and not exists (select
                     from audit a
                    where a.action = 'skip event'
                      and a.subject = e.order_id || '-' || e.version)
