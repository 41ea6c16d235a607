-- $1: the moment of the snapshot. Past decide_before loms can only refuse, so an open checkout should be closed soon after.
select 'checkout ' || id as id,
       format('of user %s is open; it was to be decided before %s', user_id, decide_before) as what
  from checkouts
 where state = 'open'
   and decide_before < $1::timestamptz - interval '30 seconds'
 order by decide_before
