/*
  The writes of a decision. Each of them runs while the cart is locked.
*/

/* @name deleteLines */
delete from cart_items
 where user_id = :userId! and id = any(:ids!::bigint[]);

/* @name updateLines */
update cart_items i
   set count = l.count, name = l.name, price = l.price
  from unnest(:ids!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[]) as l (id, count, name, price)
 where i.user_id = :userId! and i.id = l.id;

/* @name insertLine */
insert into cart_items (user_id, sku, count, name, price)
values (:userId!, :sku!, :count!, :name!, :price!);

/* @name insertAddKey */
insert into add_keys (user_id, key, request_hash, created_at)
values (:userId!, :key!, :requestHash!, :moment!);

/* @name insertCheckout */
with frozen as (
  insert into checkouts (id, user_id, state, frozen_at, decide_before, claimed_until)
  values (:id!, :userId!, 'open', :moment!, :decideBefore!, clock_timestamp() + :claimMs!::integer * interval '1 ms')
)
insert into checkout_lines (checkout_id, line_id, sku, count, name, price)
select :id!, l.line_id, l.sku, l.count, l.name, l.price
  from unnest(:lineIds!::bigint[], :skus!::bigint[], :counts!::integer[], :names!::text[], :prices!::bigint[])
    as l (line_id, sku, count, name, price);

/* @name extendClaim */
update checkouts
   set claimed_until = greatest(claimed_until, clock_timestamp() + :claimMs!::integer * interval '1 ms')
 where id = :id! and state = 'open';

/* @name upsertCheckoutKey */
-- A key whose checkout was refused can be used again, and then belongs to another checkout.
insert into checkout_keys (user_id, key, checkout_id, created_at)
values (:userId!, :key!, :checkoutId!, :moment!)
on conflict (user_id, key) do update set checkout_id = excluded.checkout_id, created_at = excluded.created_at;

/* @name updateClosedCheckout */
-- Changes no row if the checkout is not open any more.
update checkouts
   set state = :state!, closed_at = :moment!, order_id = :orderId, refusal = :refusal
 where id = :id! and state = 'open';

/* @name insertAudit */
insert into audit (action, subject, reason)
values (:action!, :subject!, :reason!);
