/* @name totals */
select (select count(*) from orders)                                        as "orders",
       (select count(*) from orders where status = any(:open_statuses))     as "openOrders",
       (select count(*) from stocks)                                        as "skus",
       (select coalesce(sum(reserved), 0) from stocks)::bigint              as "reservedUnits",
       (select count(*) from stock_movements)                               as "movements",
       (select count(*) from order_events)                                  as "events",
       (select count(*) from order_events where log_offset is null)         as "unpublished"

/* @name recent orders */
-- Orders of four kinds, up to :limit of each: open orders with the nearest deadlines, open orders with the farthest
-- deadlines, those with the oldest unpublished events, and those with the newest events.
   (select id from orders where status = any(:open_statuses) order by pay_before limit :limit)
    union
   (select id from orders where status = any(:open_statuses) order by pay_before desc limit :limit)
    union
   (select order_id from order_events where log_offset is null order by position limit :limit)
    union
   (select order_id from order_events order by position desc limit :limit)

/* @name next orders */
-- The next :limit ids of orders after :after, also of those that only a line, an event or a movement names.
   (select id from orders where id > :after::bigint order by id limit :limit)
    union
   (select distinct order_id from order_lines where order_id > :after::bigint order by order_id limit :limit)
    union
   (select distinct order_id from order_events where order_id > :after::bigint order by order_id limit :limit)
    union
   (select distinct order_id from stock_movements where order_id > :after::bigint order by order_id limit :limit)
    order by id
    limit :limit

/* @name orders */
-- The orders that :chosen names (id).
select o.id, o.request_id, o.user_id, o.status,
       (select string_agg(l.count || ' of ' || l.sku, ', ' order by l.sku)
          from order_lines l
         where l.order_id = o.id) as lines
  from json_to_recordset(:chosen) as given (id bigint)
  join orders o on o.id = given.id

/* @name events */
-- The events of the orders that :chosen names (id), without those that the log has not acknowledged.
select e.order_id, e.version, e.status, e.skipped as is_skipped, e.moment, e.log_partition, e.log_offset
  from json_to_recordset(:chosen) as given (id bigint)
  join order_events e on e.order_id = given.id
 where e.log_offset is not null
