/* @name totals */
select count(*)                                   as "notifications",
       count(*) filter (where state = 'parked')   as "parked",
       count(*) filter (where state = 'dead')     as "deadNotifications",
       count(*) filter (where state = 'dead')
       + (select count(*) from unreadable_events) as "dead"
  from notifications

/* @name recent orders */
-- Orders of two kinds, up to :limit of each: with the oldest parked and with the newest dead notifications.
   (select order_id as id from notifications where state = 'parked' order by received_at limit :limit)
    union
   (select order_id from notifications where state = 'dead' order by received_at desc limit :limit)

/* @name next orders */
-- The next :limit ids of orders after :after.
select distinct order_id as id
  from notifications
 where order_id > :after::bigint
 order by id
 limit :limit

/* @name notifications */
-- The notifications of the orders that :chosen names (id), without the dead ones, which say nothing that can be
-- compared.
select n.order_id, n.version, n.status, n.moment, n.log_partition, n.log_offset
  from json_to_recordset(:chosen) as given (id bigint)
  join notifications n on n.order_id = given.id
 where n.state <> 'dead'

/* @name dead */
-- Dead notifications and unreadable events, the newest first: :limit of them after the first :skip. An unreadable event
-- has neither order nor version.
select *
  from (select order_id, version, log_partition, log_offset, received_at, reason
          from notifications
         where state = 'dead'
         union all
        select null, null, log_partition, log_offset, received_at, reason
          from unreadable_events) as dead
 order by received_at desc, log_partition, log_offset, order_id, version
 limit :limit::integer
offset :skip::integer
