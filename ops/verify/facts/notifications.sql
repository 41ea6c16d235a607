-- $1: chosen orders (id). A dead one tells nothing.
select n.order_id, n.version, n.status, n.state, n.moment, n.log_partition, n.log_offset
  from json_to_recordset($1::json) as given (id bigint)
  join notifications n on n.order_id = given.id
 where n.state <> 'dead'
