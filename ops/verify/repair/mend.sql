-- $1: sku. $2, $3, $4: total, held and reserved as the ledger has them. $5: what was changed. $6: why. Never without a trace.
with mended as (
  update stocks
     set total = $2::bigint, held = $3::bigint, reserved = $4::bigint
   where sku = $1::bigint
  returning sku
)
insert into audit (action, subject, reason)
select 'repair counters', $5::text, $6::text
  from mended
