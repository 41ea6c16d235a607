-- $1: the moment of the snapshot. What waits behind a quarantined event is counted there.
select format('order %s version %s', e.order_id, e.version) as id,
       format('%s of %s is not in the log yet', e.status, e.moment) as what
  from order_events e
 where e.log_offset is null
   and e.moment < $1::timestamptz - interval '30 seconds'
   and not exists (select
                     from order_events q
                    where q.order_id = e.order_id
                      and q.version <= e.version
                      and q.quarantine is not null
                      and q.log_offset is null
                      and not q.skipped)
 order by e.position
