-- These queries return what has waited too long. :moment is the time when the snapshot was taken, on the clock of the
-- database that is asked, because the deadlines in it were set by that clock.

/* @name checkouts are decided */
-- From decide_before on, loms can only refuse the order, so the checkout is closed soon afterwards.
select 'checkout ' || id as id,
       format('of user %s is open; loms had to decide it before %s', user_id, decide_before) as what
  from checkouts
 where state = 'open'
   and decide_before < :moment::timestamptz - interval '30 seconds'
 order by decide_before

/* @name orders expire */
-- loms cancels an order soon after its deadline.
select 'order ' || id as id, format('awaits payment; it had to be paid before %s', pay_before) as what
  from orders
 where status = 'awaiting payment'
   and pay_before < :moment::timestamptz - interval '30 seconds'
 order by pay_before

/* @name events are published */
-- An event in quarantine, and those of its order that wait for it, are left to "nothing in quarantine".
select format('order %s version %s', e.order_id, e.version) as id,
       format('%s of %s is not in the log yet', e.status, e.moment) as what
  from order_events e
 where e.log_offset is null
   and e.moment < :moment::timestamptz - interval '30 seconds'
   and not exists (select
                     from order_events q
                    where q.order_id = e.order_id
                      and q.version <= e.version
                      and q.quarantine is not null
                      and q.log_offset is null
                      and not q.skipped)
 order by e.position

/* @name nothing in quarantine */
select format('order %s version %s', order_id, version) as id,
       format('%s was refused by the log: %s', status, quarantine) as what
  from order_events
 where quarantine is not null
   and log_offset is null
   and not skipped
 order by position

/* @name events are read */
-- For each partition and each group, looks at the next record that the group has to read.
select format('partition %s', r.partition) as id,
       format('group %s has read to offset %s of %s; its next record came at %s', reader.name,
              coalesce(g.next_offset, 0), p.next_offset, r.moment) as what
  from partitions p
  cross join unnest(:groups::text[]) as reader (name)
  left join group_partitions g
    on g.topic = p.topic and g.partition = p.partition and g.group_name = reader.name
  join records r
    on r.topic = p.topic and r.partition = p.partition and r."offset" = coalesce(g.next_offset, 0)
 where p.topic = :order_events
   and r.moment < :moment::timestamptz - interval '30 seconds'
 order by r.partition

/* @name nothing stays parked */
select format('order %s version %s', order_id, version) as id,
       format('%s has been parked since %s; a version before it is missing', status, received_at) as what
  from notifications
 where state = 'parked'
   and received_at < :moment::timestamptz - interval '60 seconds'
 order by received_at
