-- $1: chosen orders (id). Those that the log acknowledged.
select e.order_id, e.version, e.status, e.skipped as is_skipped, e.moment, e.log_partition, e.log_offset
  from json_to_recordset($1::json) as given (id bigint)
  join order_events e on e.order_id = given.id
 where e.log_offset is not null
