/* @name listQuarantined */
select e.position, e.order_id, e.version, e.status, e.moment, e.quarantine as "quarantine!"
  from order_events e
 where e.quarantine is not null
   and e.log_offset is null
   and not e.skipped
 order by e.position
 limit :limit!::integer;

/* @name retryEvent */
update order_events
   set quarantine = null
 where order_id = :orderId! and version = :version!
   and quarantine is not null and log_offset is null and not skipped;

/* @name skipEvent */
-- Stores the operator's reason together with the decision. The relay then publishes a marker in place of the event.
with skipped as (
  update order_events
     set skipped = true
   where order_id = :orderId! and version = :version!
     and quarantine is not null and log_offset is null and not skipped
  returning order_id, version
)
insert into audit (action, subject, reason)
select 'skip event', order_id || '-' || version, :reason!
  from skipped;
