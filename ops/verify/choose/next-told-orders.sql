-- $1: above this id. $2: how many.
select distinct order_id as id
  from notifications
 where order_id > $1::bigint
 order by id
 limit $2
