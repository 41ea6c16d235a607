-- $1: chosen orders (id). A version is told when all before it have passed (applied or dead), not sooner, and not later.
with history as (
  select n.order_id, n.version, n.state,
         count(*) filter (where n.state <> 'parked') over (partition by n.order_id
                                                               order by n.version
                                                                rows between unbounded preceding and 1 preceding) as passed
    from json_to_recordset($1::json) as given (id bigint)
    join notifications n on n.order_id = given.id
)
select format('order %s version %s', h.order_id, h.version) as id,
       format('is %s, and %s of the versions before it have passed', h.state, h.passed) as what
  from history h
 where (h.state = 'applied' and h.passed < h.version - 1)
    or (h.state = 'parked'  and h.passed = h.version - 1)
