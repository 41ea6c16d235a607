-- $1: events (order_id, version, status, log_partition, log_offset). $2: how far the group has read (partition, next_offset).
-- What the group has read is recorded with its status: applied, parked for a while, or dead.
select format('order %s version %s', e.order_id, e.version) as id,
       case when n.version is null
            then format('%s was read (partition %s, offset %s) and left no notification', e.status, e.log_partition, e.log_offset)
            else format('%s is %s as %s', e.status, n.state, n.status)
       end as what
  from json_to_recordset($1::json) as e (order_id bigint, version integer, status text, log_partition integer,
                                         log_offset bigint)
  join json_to_recordset($2::json) as read_to (partition integer, next_offset bigint)
    on read_to.partition = e.log_partition and e.log_offset < read_to.next_offset
  left join notifications n on n.order_id = e.order_id and n.version = e.version
 where (n.version is null and not exists (select from unreadable_events u
                                           where u.log_partition = e.log_partition and u.log_offset = e.log_offset))
    or (n.state <> 'dead' and n.status <> e.status)
