/*
  Deletes old idempotency keys. Locked rows are skipped, so that instances wait neither for each other nor for a call
  of Checkout that moves a key to another checkout.
*/

/* @name deleteOldAddKeys */
delete from add_keys
 where (user_id, key) in (select k.user_id, k.key
                            from add_keys k
                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
                           limit :limit!::integer
                             for update skip locked);

/* @name deleteOldCheckoutKeys */
delete from checkout_keys
 where (user_id, key) in (select k.user_id, k.key
                            from checkout_keys k
                           where k.created_at < (select tally_now()) - :maxAgeSeconds!::integer * interval '1 second'
                           limit :limit!::integer
                             for update skip locked);
