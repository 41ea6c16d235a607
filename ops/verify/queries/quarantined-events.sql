-- The log refused the event itself; its order waits from that version on.
select format('order %s version %s', order_id, version) as id, format('%s: %s', status, quarantine) as what
  from order_events
 where quarantine is not null
   and log_offset is null
   and not skipped
 order by position
