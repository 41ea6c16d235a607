-- $1: records of the log (partition, offset, key, ce_id, order_id, version, is_marker, status, moment, ce_time). Each
-- tells an event of loms, and its moment to the millisecond.
select format('record %s/%s', r.partition, r."offset") as id,
       format('%s of %s with key %s tells %s; %s', coalesce(r.ce_id, 'an event without ce_id'),
              coalesce(r.ce_time::text, 'no time'), r.key,
              case when r.is_marker
                   then 'a skipped version'
                   else format('%s of %s', coalesce(r.status, 'no status'), coalesce(r.moment::text, 'no time'))
              end,
              case when e.version is null
                   then 'loms has no such event'
                   else format('loms says %s of %s', e.status, e.moment)
              end) as what
  from json_to_recordset($1::json) as r (partition integer, "offset" bigint, key text, ce_id text, order_id bigint,
                                         version integer, is_marker boolean, status text, moment timestamptz,
                                         ce_time timestamptz)
  left join order_events e on e.order_id = r.order_id and e.version = r.version
 where e.version is null
    or r.key <> e.order_id::text
    or (r.is_marker and not e.skipped)
    or date_trunc('milliseconds', r.ce_time) is distinct from date_trunc('milliseconds', e.moment)
    or (not r.is_marker
        and (r.status is distinct from e.status::text
             or date_trunc('milliseconds', r.moment) is distinct from date_trunc('milliseconds', e.moment)))
