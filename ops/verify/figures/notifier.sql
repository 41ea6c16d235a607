select count(*)                                   as "notifications",
       count(*) filter (where state = 'parked')   as "parked",
       count(*) filter (where state = 'dead')
       + (select count(*) from unreadable_events) as "dead"
  from notifications
