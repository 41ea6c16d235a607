-- $1: orders (id, request_id). Somebody else than cart may have asked for an order: that is allowed, and counted.
select 'order ' || o.id as id, format('was asked for under %s, which cart does not know', o.request_id) as what
  from json_to_recordset($1::json) as o (id bigint, request_id uuid)
 where not exists (select from checkouts c where c.id = o.request_id)
