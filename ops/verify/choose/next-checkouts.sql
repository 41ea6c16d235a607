-- $1: above this id. $2: how many.
select id
  from checkouts
 where state <> 'open'
   and id > $1::uuid
 order by id
 limit $2
