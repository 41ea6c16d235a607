-- $1: records of the log (partition, offset, key, ce_id, order_id, version, is_marker, status). Each tells an event of loms.
select format('record %s/%s', r.partition, r."offset") as id,
       format('%s with key %s tells %s; %s', coalesce(r.ce_id, 'an event without ce_id'), r.key,
              case when r.is_marker then 'a skipped version' else coalesce(r.status, 'no status') end,
              case when e.version is null then 'loms has no such event' else 'loms says ' || e.status end) as what
  from json_to_recordset($1::json) as r (partition integer, "offset" bigint, key text, ce_id text, order_id bigint,
                                         version integer, is_marker boolean, status text)
  left join order_events e on e.order_id = r.order_id and e.version = r.version
 where e.version is null
    or r.key <> e.order_id::text
    or (r.is_marker and not e.skipped)
    or (not r.is_marker and r.status is distinct from e.status::text)
