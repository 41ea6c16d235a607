-- $1: the moment of the snapshot.
select 'order ' || id as id, format('awaits payment; it was to be paid before %s', pay_before) as what
  from orders
 where status = 'awaiting payment'
   and pay_before < $1::timestamptz - interval '30 seconds'
 order by pay_before
