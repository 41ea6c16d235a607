-- $1: how many. Those that were closed last.
select id
  from checkouts
 where state <> 'open'
 order by closed_at desc
 limit $1
