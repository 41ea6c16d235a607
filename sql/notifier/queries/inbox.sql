/* @name lockOrders */
-- Locking is a statement of its own, before findKnown, because a statement does not see what was committed after it
-- began. If one statement did both, it would wait for the transaction that holds the lock and then miss the rows which
-- that transaction committed. A version could then stay parked for ever. The ids are sorted, so that two batches cannot
-- deadlock.
select pg_advisory_xact_lock(o.id)
  from unnest(:orderIds!::bigint[]) as o (id)
 order by o.id;

/* @name findKnown */
-- All versions of the orders, in every state.
select n.order_id, n.version, n.state, n.status, n.moment, n.traceparent, n.log_partition, n.log_offset, n.reason
  from notifications n
 where n.order_id = any(:orderIds!);

/* @name insertNotifications */
-- An empty status, traceparent or reason is stored as null.
insert into notifications (order_id, version, status, moment, state, received_at, told_at, traceparent, log_partition,
                           log_offset, reason)
select n.order_id, n.version, nullif(n.status, ''), case when n.status = '' then null else n.moment end, n.state,
       tally_now(), case when n.state = 'applied' then tally_now() end, nullif(n.traceparent, ''), n.log_partition,
       n.log_offset, nullif(n.reason, '')
  from unnest(:orderIds!::bigint[], :versions!::integer[], :statuses!::text[], :moments!::timestamptz[],
              :states!::notification_state[], :traceparents!::text[], :logPartitions!::integer[],
              :logOffsets!::bigint[], :reasons!::text[])
    as n (order_id, version, status, moment, state, traceparent, log_partition, log_offset, reason);

/* @name releaseParked */
-- Marks parked versions as told.
update notifications n
   set state = 'applied', told_at = tally_now()
  from unnest(:orderIds!::bigint[], :versions!::integer[]) as r (order_id, version)
 where n.order_id = r.order_id and n.version = r.version and n.state = 'parked';

/* @name insertUnreadable */
insert into unreadable_events (log_partition, log_offset, received_at, reason)
select u.log_partition, u.log_offset, tally_now(), u.reason
  from unnest(:logPartitions!::integer[], :logOffsets!::bigint[], :reasons!::text[])
    as u (log_partition, log_offset, reason)
on conflict do nothing;

/* @name reviveDead */
-- Sets the status and the moment only where the row has none.
update notifications
   set state = :state!, status = coalesce(status, nullif(:status!, '')), moment = coalesce(moment, :moment!),
       reason = null, told_at = case when :state! = 'applied'::notification_state then tally_now() end
 where order_id = :orderId! and version = :version! and state = 'dead';
