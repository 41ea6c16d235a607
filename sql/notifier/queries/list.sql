/* @name listApplied */
select n.version, n.status as "status!", n.moment as "moment!"
  from notifications n
 where n.order_id = :orderId! and n.state = 'applied'
 order by n.version;
