-- $1: chosen orders (id).
select o.id, o.request_id
  from json_to_recordset($1::json) as given (id bigint)
  join orders o on o.id = given.id
