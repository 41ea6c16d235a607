-- The usual transaction of a shop, for pgbench: lock the stock, read it, update it, insert the order with its lines,
-- movements and events, and commit. It writes the same rows into the same tables and indexes as loms does.
begin;
select total - held - reserved as available from stocks where sku = 1 for update;
update stocks set reserved = reserved + 1 where sku = 1;
select nextval('order_ids') as id \gset
insert into orders (id, user_id, status, request_id, pay_before, version)
values (:id, :client_id + 1, 'awaiting payment', gen_random_uuid(), now() + interval '10 minutes', 2);
insert into order_lines (order_id, sku, count, name, price) values (:id, 1, 1, 'a lamp', 3379);
insert into stock_movements (sku, order_id, kind, total_delta, reserved_delta, held_delta, moment)
values (1, :id, 'reserve', 0, 1, 0, now());
insert into order_events (order_id, version, status, moment)
values (:id, 1, 'new', now()), (:id, 2, 'awaiting payment', now());
commit;
