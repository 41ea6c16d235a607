select count(*)                                    as "checkouts",
       count(*) filter (where state = 'open')      as "openCheckouts",
       count(*) filter (where state = 'done')      as "doneCheckouts",
       count(*) filter (where state = 'refused')   as "refusedCheckouts"
  from checkouts
